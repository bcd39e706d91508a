// What the collector answers.

/** It could not be answered; says why in the collector's words. */
export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** Asks a query. Throws Refused, with status 0 if nobody answers. */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(
    Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined),
  );
  const text = query.toString();
  const response = await fetch(`/query/${path}${text ? `?${text}` : ""}`, { signal, credentials: "same-origin" }).catch(
    (error) => {
      if (signal?.aborted) throw error;
      throw new Refused("The collector does not answer. Is it still running?", 0);
    },
  );
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error ?? response.statusText, response.status);
  return body;
}

/** The same, and null for what is not there. */
export async function askIfThere(path, parameters, signal) {
  try {
    return await ask(path, parameters, signal);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return null;
    throw error;
  }
}

/** The same, and null if it was not answered for any reason but that the view was left: for what only adds to a view. */
export async function askIfPossible(path, parameters, signal) {
  try {
    return await ask(path, parameters, signal);
  } catch (error) {
    if (signal?.aborted) throw error;
    return null;
  }
}
