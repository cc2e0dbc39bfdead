import { setTimeout as pause } from "node:timers/promises"
import { ConnectionFailure, SilentHost } from "./connection-failure.ts"
import { type HttpAnswer, type HttpClient, type HttpRequest, StalledError } from "./http-client.ts"

/** Milliseconds. */
export interface ContactTimes {
  /** Silence after which a host that has not answered yet is asked for its root too. */
  readonly quiet: number
  /** What the root may take. */
  readonly root: number
  /** What a token may take, from the connection to its last byte. */
  readonly token: number
}

/** As dockerd: 15 seconds for a registry's first answer (here the first two together), and as many for a token. */
export const usualContactTimes: ContactTimes = { quiet: 5_000, root: 10_000, token: 15_000 }

/**
 * Sends the first request to a host. A long answer may be in the making (a cache asks its upstream): the host is given up when it is
 * silent at its root as well, which every registry answers at once.
 * @param root the request for the root
 * @throws SilentHost; whatever the request fails with
 */
export async function firstContact(
  http: HttpClient,
  request: HttpRequest,
  root: HttpRequest,
  times: ContactTimes,
): Promise<HttpAnswer> {
  const silent = new AbortController()
  const done = new AbortController()
  const signal = AbortSignal.any([silent.signal, ...(request.signal ? [request.signal] : [])])
  const watching = rootIsSilent(http, root, times, AbortSignal.any([signal, done.signal])).then((is) => {
    if (is) silent.abort(new SilentHost(root.url, times.quiet + times.root))
  })
  try {
    return await http.request({ ...request, signal })
  } finally {
    done.abort()
    await watching
  }
}

async function rootIsSilent(
  http: HttpClient,
  root: HttpRequest,
  times: ContactTimes,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await pause(times.quiet, undefined, { signal })
    const answer = await http.request({ ...root, patience: times.root, signal })
    answer.discard()
    return false
  } catch (error) {
    return error instanceof ConnectionFailure && error.cause instanceof StalledError
  }
}
