// A certified OAuth 2.0 and OpenID provider (oidc-provider from npm, unmodified) for oidc_test.py: strict rotation with reuse
// detection, PKCE demanded, revocation; and a small car API that takes its access tokens. Its clock can be moved, nothing else of it is faked.
//
//   node provider.mjs PORT REDIRECT_URI
import {createRequire} from 'node:module';
import {createServer} from 'node:http';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

const require = createRequire(path.join(process.env.KEYFOB_NODE_PACKAGES, 'x.js'));
const {default: Provider} = await import(pathToFileURL(require.resolve('oidc-provider')));
const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;

const realNow = Date.now.bind(Date);
let shift = 0;
Date.now = () => realNow() + shift;

const client = (id, method) => ({
  client_id: id, client_secret: `secret of ${id}`, token_endpoint_auth_method: method, redirect_uris: [redirectUri],
  grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
});

const provider = new Provider(issuer, {
  clients: [client('by-basic', 'client_secret_basic'), client('by-post', 'client_secret_post')],
  features: {devInteractions: {enabled: false}, revocation: {enabled: true}, userinfo: {enabled: true}},
  findAccount: (ctx, id) => ({accountId: id, claims: async() => ({sub: id})}),
  interactions: {url: (ctx, interaction) => `/interaction/${interaction.uid}`},
  issueRefreshToken: async(ctx, it, code) => code.scopes.has('offline_access'),
  pkce: {required: () => true},
  rotateRefreshToken: true,
  ttl: {AccessToken: 3600, AuthorizationCode: 60, RefreshToken: 30 * 86400, Grant: 30 * 86400, Session: 86400, Interaction: 600},
  cookies: {keys: ['for tests only']},
  scopes: ['openid', 'offline_access', 'cars'],
});

const counts = {};
const count = (what) => { counts[what] = (counts[what] || 0) + 1; };
provider.on('grant.success', (ctx) => count(`success ${ctx.oidc.params.grant_type}`));
provider.on('grant.error', (ctx, error) => count(`error ${ctx.oidc.params?.grant_type} ${error.error}`));
provider.on('grant.revoked', () => count('family revoked'));
provider.on('revocation.error', (ctx, error) => count(`revocation error ${error.error}`));
provider.on('server_error', (ctx, error) => console.error(error));

const json = (res, status, body) => {
  res.writeHead(status, {'content-type': 'application/json'});
  res.end(JSON.stringify(body));
};

// The owner says yes to everything; which owner is said in the cookie `owner`.
const interact = async(req, res) => {
  const details = await provider.interactionDetails(req, res);
  if (details.prompt.name === 'login') {
    const accountId = /owner=(\w+)/.exec(req.headers.cookie)[1];
    return provider.interactionFinished(req, res, {login: {accountId}}, {mergeWithLastSubmission: false});
  }
  const grant = new provider.Grant({accountId: details.session.accountId, clientId: details.params.client_id});
  grant.addOIDCScope(details.params.scope);
  return provider.interactionFinished(req, res, {consent: {grantId: await grant.save()}}, {mergeWithLastSubmission: true});
};

// The API: everyone has two cars, named after their owner.
const api = async(req, res) => {
  const token = await provider.AccessToken.find((req.headers.authorization || '').replace(/^Bearer /, ''));
  const good = token && !token.isExpired;
  count(good ? 'api ok' : 'api refused');
  if (!good) return json(res, 401, {error: 'invalid_token'});
  const cars = [`${token.accountId}-car-1`, `${token.accountId}-car-2`];
  const {pathname, searchParams} = new URL(req.url, issuer);
  if (pathname === '/api/cars') {
    const offset = Number(searchParams.get('offset') || 0);
    return json(res, 200, {cars: cars.slice(offset), paging: {count: cars.length, offset}});
  }
  const car = pathname.split('/')[3];
  if (!cars.includes(car)) return json(res, 404, {error: 'no such car'});
  return json(res, 200, {car, method: req.method, odometer: 12034.5});
};

const control = (req, res) => {
  const {pathname, searchParams} = new URL(req.url, issuer);
  if (pathname === '/_test/advance') shift += 1000 * Number(searchParams.get('seconds'));
  return json(res, 200, counts);
};

const handle = provider.callback();
createServer(async(req, res) => {
  try {
    if (req.url.startsWith('/_test/')) return control(req, res);
    if (req.url.startsWith('/api/')) return await api(req, res);
    if (req.url.startsWith('/interaction/')) return await interact(req, res);
    if (req.url.startsWith('/auth?') && req.url.includes('code_challenge_method=S256')) count('pkce');
    return handle(req, res);
  } catch (error) {
    console.error(error);
    return json(res, 500, {error: String(error)});
  }
}).listen(port, '127.0.0.1', () => console.log(`provider listening on ${issuer}`));
