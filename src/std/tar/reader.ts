import type { TarEntry } from "./entry.ts"
import { TarParser } from "./parser.ts"

/** One member of a streamed archive. `body` must be consumed before the next member is asked for; what is left of it is skipped. */
export interface TarMember {
  readonly entry: TarEntry
  /** The file's stored bytes; chunks are valid until the next one is asked for. Sparse files: the stretches of `entry.sparse`. */
  readonly body: AsyncIterable<Uint8Array>
}

type Event = { readonly entry: TarEntry } | { readonly data: Uint8Array } | { readonly end: true }

/**
 * The members of an archive as its bytes arrive.
 * @throws invalidArgument for a malformed archive, from the iteration under way
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const events: Event[] = []
  const parser = new TarParser({
    entry: (entry) => events.push({ entry }),
    data: (data) => events.push({ data }),
    end: () => events.push({ end: true }),
  })
  const chunks = source[Symbol.asyncIterator]()
  let ended = false
  const next = async (): Promise<Event | undefined> => {
    while (events.length === 0) {
      if (ended) return undefined
      const chunk = await chunks.next()
      if (chunk.done) {
        ended = true
        parser.finish()
      } else parser.push(chunk.value)
    }
    return events.shift()
  }
  async function* bodyOf(state: { open: boolean }): AsyncGenerator<Uint8Array> {
    while (state.open) {
      const event = await next()
      if (!event || "end" in event) state.open = false
      else if ("data" in event) yield event.data
    }
  }
  try {
    for (let event = await next(); event; event = await next()) {
      if (!("entry" in event)) continue
      const state = { open: true }
      yield { entry: event.entry, body: bodyOf(state) }
      while (state.open) {
        const rest = await next()
        if (!rest || "end" in rest) state.open = false
      }
    }
  } finally {
    if (!ended) await chunks.return?.()
  }
}
