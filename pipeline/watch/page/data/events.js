/** The server's stream of events, and its answers. */

const SECTIONS = ["run", "stages", "replies", "warnings", "faults", "chat", "messages"];
const AGAIN_MS = 2000;

/** Call `arrived(section, data)` with each event, and `connection(true or false)` as the stream opens and breaks. */
export function follow(arrived, connection) {
  const source = new EventSource("/watch/events");
  for (const section of SECTIONS)
    source.addEventListener(section, message => arrived(section, JSON.parse(message.data)));
  source.onopen = () => connection(true);
  source.onerror = () => {
    connection(false);
    // A browser gives a stream up when it is answered with an error.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(arrived, connection), AGAIN_MS);
  };
}

/** All about a message; null if the server has forgotten it or is away. */
export async function load(key) {
  try {
    const response = await fetch(`/watch/messages/${encodeURIComponent(key)}`, { signal: AbortSignal.timeout(10_000) });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** Cause a fault; why it can't be, or null. */
export async function cause(name) {
  try {
    const response = await fetch(`/watch/faults/${encodeURIComponent(name)}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
      signal: AbortSignal.timeout(10_000),
    });
    return response.ok ? null : ((await response.json()).detail ?? `status ${response.status}`);
  } catch {
    return "the page's server does not answer";
  }
}
