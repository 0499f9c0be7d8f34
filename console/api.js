// api: the calls of the console. The cookie goes along by itself; the header says that it is us who ask.

export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || `the server answered ${status}`);
    this.status = status;
    this.code = body.code || "";
    this.hint = body.hint || "";
  }

  get text() {
    return this.hint ? `${this.message}. ${this.hint}` : this.message;
  }
}

/// Dispatched on window when the session is over.
export const kSignedOut = "keyfob-signed-out";

async function body_of(response) {
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return {};
  }
}

async function send(method, path, body) {
  const headers = { "Keyfob-Console": "1", Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", cache: "no-store",
    });
  } catch {
    throw new Problem(0, { code: "unreachable", detail: "Keyfob does not answer", hint: "is the daemon running?" });
  }
  const answer = await body_of(response);
  if (!response.ok) throw new Problem(response.status, answer);
  return answer;
}

/// A call of /v1, by its path there; `query` leaves out what is empty.
export async function call(method, path, { query = {}, body } = {}) {
  const named = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const search = named.length ? `?${new URLSearchParams(named)}` : "";
  try {
    return await send(method, `api/${path}${search}`, body);
  } catch (problem) {
    if (problem.status === 401) window.dispatchEvent(new Event(kSignedOut));
    throw problem;
  }
}

export const grant_path = (id, rest = "") => `grants/${encodeURIComponent(id)}${rest}`;

export const session = {
  who: () => send("GET", "session"),
  begin: (key) => send("POST", "session", { api_key: key }),
  end: () => send("DELETE", "session"),
};
