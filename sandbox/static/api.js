// Requests to the sandbox. A refusal becomes an Error whose message the sandbox wrote.

const PATIENCE = 30_000; // milliseconds; moving the clock performs much before it answers

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
  const data = await answer.json().catch(() => ({ error: `HTTP ${answer.status}` }));
  if (!answer.ok) throw new Error(data.error ?? `HTTP ${answer.status}`);
  return data;
}

const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
const person = (key) => `/api/people/${encodeURIComponent(key)}`;

export const getState = () => ask("/api/state");
export const getPeople = (query) => ask(`/api/people?${new URLSearchParams(query)}`);
export const getPerson = (key) => ask(person(key));
export const getLetter = (key, id) => ask(`${person(key)}/mail/${id}`);
export const letterUrl = (key, id, remote) => `/letter/${encodeURIComponent(key)}/${id}${remote ? "?remote=1" : ""}`;
export const doDeed = (key, deed) => post(`${person(key)}/do`, deed);
export const wish = (content) => post("/control/wish", content);
export const setClock = (now, flow) => post("/control/clock", { now, flow });
export const getGroup = (id) => ask(`/api/groups/${id}`);
export const doInGroup = (id, deed) => post(`/api/groups/${id}/do`, deed);
