#include "web/watch_page.hpp"

namespace keyfob::sim {
namespace {

constexpr std::string_view kPage = R"html(<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>smartcar-sim</title>
<style>
  :root { color-scheme: light dark; --line: #8885; --soft: #8882; --good: #2a8a4a; --bad: #c0392b; }
  body { font: 14px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 76rem; padding: 0 1rem 3rem; }
  header { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; padding: 1rem 0 .5rem; }
  h1 { font-size: 1.15rem; margin: 0; }
  h2 { font-size: .95rem; margin: 1.4rem 0 .3rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--soft); vertical-align: top; }
  th { font-weight: 600; opacity: .7; }
  td select { max-width: 13rem; } td button { white-space: nowrap; }
  code { font: .92em ui-monospace, monospace; }
  button, select, input { font: inherit; padding: .15rem .5rem; }
  .figures { display: flex; flex-wrap: wrap; gap: .5rem; }
  .figures div { border: 1px solid var(--line); border-radius: .4rem; padding: .3rem .7rem; min-width: 6.5rem; }
  .figures b { display: block; font-size: 1.2rem; font-weight: 600; }
  .bad { color: var(--bad); } .good { color: var(--good); }
  #said { margin-left: auto; min-height: 1.4em; }
  section { overflow-x: auto; }
</style>
<header>
  <h1>smartcar-sim</h1><span id="clock"></span>
  <button data-call="advance" data-body='{"seconds":60}'>+1 min</button>
  <button data-call="advance" data-body='{"seconds":7200}'>+2 h</button>
  <button data-call="advance" data-body='{"seconds":5184000}'>+60 d</button>
  <button data-call="expire" data-body="{}">end access tokens</button>
  <button data-call="issue" data-body="{}">new owner and pair</button>
  <button data-call="release" data-body="{}">release held answers</button>
  <span id="said" role="status"></span>
</header>
<div class="figures" id="figures"></div>

<h2>Faults</h2>
<form id="fault">
  <label>at <select name="where"><option>token<option>app_token<option>api<option>management<option>connect<option>any</select></label>
  <label>do <select name="kind"><option>drop_before<option>drop_after_rotation<option>reset_after_rotation<option>hold<option>status
    <option>retry_after<option>html200<option>cut_json<option>missing_refresh_token<option>duplicate</select></label>
  <label>times <input name="times" type="number" min="0" value="1" style="width:4rem"></label>
  <button>plan</button> <button type="button" id="clear">clear all</button>
</form>
<section><table id="faults"></table></section>
<h2>Owners and vehicles</h2><section><table id="users"></table></section>
<h2>Grants</h2><section><table id="grants"></table></section>
<h2>Webhooks</h2><section><table id="webhooks"></table></section>
<h2>Deliveries</h2><section><table id="deliveries"></table></section>
<h2>Requests, newest first (secrets are digests)</h2><section><table id="requests"></table></section>

<script>
'use strict';
const $ = (id) => document.getElementById(id);
const say = (text, bad) => { $('said').textContent = text; $('said').className = bad ? 'bad' : ''; };
const ask = async(call, body, method) => {
  const how = body === undefined && !method ? {} : {method: method || 'POST', body: JSON.stringify(body || {})};
  const answer = await fetch('/_sim/' + call, how);
  const json = await answer.json();
  if (!answer.ok) throw new Error(json.error || answer.status);
  return json;
};
// Everything is shown as text: what owners, vehicles and requests are called never becomes markup.
const cell = (row, what, kind) => {
  const td = row.insertCell();
  if (what instanceof Node) td.append(what);
  else td.textContent = what === null || what === undefined ? '' : String(what);
  if (kind) td.className = kind;
};
const button = (text, work) => {
  const b = document.createElement('button');
  b.textContent = text;
  b.onclick = () => act(work);
  return b;
};
const table = (id, heads, rows, fill) => {
  const t = $(id);
  t.replaceChildren();
  const head = t.createTHead().insertRow();
  for (const text of heads) { const th = document.createElement('th'); th.textContent = text; head.append(th); }
  const body = t.createTBody();
  for (const one of rows) fill(body.insertRow(), one);
};
const act = async(work) => {
  try { await work(); say('done'); } catch (error) { say(error.message, true); }
  look(true);
};
const choice = (vehicle) => {
  const select = document.createElement('select');
  const now = vehicle.error_type ? vehicle.error_type + '.' + (vehicle.error_code || '') : '';
  const usual = ['', 'VEHICLE_STATE.ASLEEP', 'CONNECTED_SERVICES_ACCOUNT.AUTHENTICATION_FAILED', 'RATE_LIMIT.VEHICLE',
                 'BILLING.VEHICLE_LIMIT', 'UPSTREAM.NO_RESPONSE', 'COMPATIBILITY.VEHICLE_NOT_CAPABLE'];
  for (const name of usual.includes(now) ? usual : [...usual, now]) {
    const option = document.createElement('option');
    option.value = name;
    option.textContent = name || 'answers';
    option.selected = name === now;
    select.append(option);
  }
  select.onchange = () => act(() => {
    const [type, code] = select.value.split('.');
    return ask('vehicle', {id: vehicle.id, error_type: type, error_code: code || ''});
  });
  return select;
};
const figures = (stats) => {
  const shown = [['rotations', stats.rotations], ['second uses', stats.refresh.second_uses], ['late uses', stats.late_uses, true],
                 ['secrets in URLs', stats.secrets_in_urls, true], ['grants', stats.grants.total], ['connections', stats.connections],
                 ['faults struck', stats.faults_struck], ['held', stats.held]];
  $('figures').replaceChildren(...shown.map(([name, value, alarm]) => {
    const div = document.createElement('div');
    const b = document.createElement('b');
    b.textContent = value;
    if (alarm && value > 0) b.className = 'bad';
    div.append(b, name);
    return div;
  }));
};
let shown = '';
const look = async(again) => {
  if (document.activeElement && document.activeElement.tagName === 'SELECT' && !again) return;
  try {
    const calls = ['stats', 'time', 'fault', 'users?limit=50', 'grants', 'webhooks', 'deliveries', 'requests?limit=40'];
    const [stats, time, faults, users, grants, hooks, deliveries, requests] = await Promise.all(calls.map((call) => ask(call)));
    $('clock').textContent = time.now.replace('T', ' ').slice(0, 19) + ' UTC (' + time.clock + ' clock)';
    const state = JSON.stringify([stats.requests, faults, users, grants, hooks, deliveries, requests.requests[0]]);
    figures(stats);
    if (state === shown) return;
    shown = state;
    table('faults', ['fault', 'at', 'do', 'struck', 'left'], faults.faults, (row, f) => {
      for (const value of [f.fault, f.where, f.kind, f.struck, f.times_left === null ? 'until cleared' : f.times_left]) cell(row, value);
    });
    table('users', ['owner', 'vehicle', 'odometer', 'battery', 'state', 'every call', ''],
          users.users.flatMap((u) => u.vehicles.map((v) => [u, v])), (row, [u, v]) => {
      cell(row, u.email);
      cell(row, `${v.make} ${v.model} ${v.year} ${v.vin}`);
      cell(row, v.odometer);
      cell(row, Math.round(v.battery * 100) + ' %');
      cell(row, (v.locked ? 'locked' : 'open') + (v.charging ? ', charging' : ''));
      cell(row, choice(v));
      const buttons = document.createElement('span');
      buttons.append(button('drive', () => ask('vehicle', {id: v.id, odometer: v.odometer + 10})), ' ',
                     button('owner revokes', () => ask('revoke', {user: u.id, vehicle: v.id})));
      cell(row, buttons);
    });
    table('grants', ['grant', 'client', 'owner', 'vehicles', 'rotations', 'newest pair', ''], grants.grants.slice(-50).reverse(), (row, g) => {
      for (const value of [g.id, g.client_id, g.user, g.vehicles.length, g.rotations]) cell(row, value);
      cell(row, g.revoked ? 'revoked' : g.newest_seen ? 'seen' : 'not seen yet', g.revoked ? 'bad' : g.newest_seen ? 'good' : '');
      cell(row, button('end its tokens', () => ask('expire', {user: g.user})));
    });
    table('webhooks', ['webhook', 'url', 'version', 'state', 'subscriptions', ''], hooks.webhooks, (row, w) => {
      for (const value of [w.name, w.url, w.version]) cell(row, value);
      cell(row, w.state + (w.problem ? ': ' + w.problem : ''), w.state === 'verified' ? 'good' : w.state === 'refused' ? 'bad' : '');
      cell(row, hooks.subscriptions.filter((s) => s.webhook === w.id).length);
      cell(row, button('verify', () => ask('webhooks/' + w.id + '/verify', {})));
    });
    table('deliveries', ['event', 'state', 'attempts', 'status', 'due', 'problem'], deliveries.deliveries.slice(0, 25), (row, d) => {
      cell(row, d.event_type);
      cell(row, d.state, d.state === 'delivered' ? 'good' : d.state === 'dropped' ? 'bad' : '');
      for (const value of [d.attempts, d.status || '', d.due, d.problem]) cell(row, value);
    });
    table('requests', ['at', 'request', 'status', 'outcome', 'owner', 'credential'], requests.requests, (row, r) => {
      cell(row, r.at.slice(11, 23));
      cell(row, r.method + ' ' + r.path);
      cell(row, r.status || 'no answer', r.status >= 200 && r.status < 400 ? '' : 'bad');
      for (const value of [r.fault ? 'fault: ' + r.fault : r.outcome, r.user, r.credential]) cell(row, value);
    });
  } catch (error) { say(error.message, true); }
};
for (const b of document.querySelectorAll('[data-call]')) b.onclick = () => act(() => ask(b.dataset.call, JSON.parse(b.dataset.body)));
$('fault').onsubmit = (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  act(() => ask('fault', {where: form.get('where'), kind: form.get('kind').trim(), times: Number(form.get('times'))}));
};
$('clear').onclick = () => act(() => ask('fault', {}, 'DELETE'));
look();
setInterval(look, 1500);
</script>
</html>
)html";

}  // namespace

std::string_view watch_page() { return kPage; }

}  // namespace keyfob::sim
