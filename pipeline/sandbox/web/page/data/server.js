/** The simulator's control API and its stream of events. */

/** The simulator refused a request; the message is its reason. */
export class Refused extends Error {}

/** No answer came: whether the request was carried out is not known. */
class Unreachable extends Error {}

const WAIT_MS = 20_000;

async function request(method, path, body) {
  let response, answer;
  try {
    response = await fetch(`/sandbox/${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    answer = await response.text();
  } catch {
    throw new Unreachable("The simulator did not answer");
  }
  if (response.status >= 500) throw new Unreachable(`The simulator answered with status ${response.status}`);
  const value = parsed(answer);
  if (!response.ok) throw new Refused(value?.detail ?? value?.description ?? `status ${response.status}`);
  return value;
}

export const get = path => request("GET", path);
export const post = (path, body) => request("POST", path, body);
export const remove = path => request("DELETE", path);

const AGAIN_MS = 2000;

/** Call `arrived(event)` with each event, and `connection(true or false)` when the stream opens or breaks; it is kept open. */
export function follow(kinds, arrived, connection) {
  const source = new EventSource("/sandbox/events");
  for (const kind of kinds) {
    source.addEventListener(kind, message => {
      const event = message.data && parsed(message.data);
      if (event) arrived(event);
    });
  }
  source.onopen = () => connection(true);
  source.onerror = () => {
    connection(false);
    // A browser gives a stream up when it is answered with an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(kinds, arrived, connection), AGAIN_MS);
  };
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
