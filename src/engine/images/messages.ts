import type { JsonMessage } from "../../api/image.ts"

/** Beyond so many unread messages, progress replaces progress: a slow reader does not fill the memory. */
const unread = 256

/** The messages of a piece of work, as it tells them. Ends with it; what it throws is thrown after the last message. */
export async function* messagesFrom(
  work: (tell: (message: JsonMessage) => void) => Promise<void>,
): AsyncGenerator<JsonMessage> {
  const queue: JsonMessage[] = []
  let wake: (() => void) | undefined
  let ended: { readonly error?: unknown } | undefined
  const end = (outcome: { readonly error?: unknown }) => {
    ended = outcome
    wake?.()
  }
  const tell = (message: JsonMessage) => {
    if (queue.length >= unread && isCount(message) && isCount(queue.at(-1))) queue.pop()
    queue.push(message)
    wake?.()
  }
  void work(tell).then(
    () => end({}),
    (error: unknown) => end({ error }),
  )
  for (;;) {
    const message = queue.shift()
    if (message) yield message
    else if (ended) {
      if ("error" in ended) throw ended.error
      return
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}

/** Whether a message only says how far something is: a later one says more. */
const isCount = (message: JsonMessage | undefined): boolean => message?.progressDetail?.current !== undefined
