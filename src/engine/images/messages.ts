import type { JsonMessage } from "../../api/image.ts"
import type { TransferProgress } from "../../core/transfer/contract.ts"

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
    if (queue.length >= unread && queue.at(-1)?.progressDetail && message.progressDetail) queue.pop()
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

/** Progress in the form of Docker's streams. */
export const progressMessage = ({ id, status, current, total }: TransferProgress): JsonMessage => ({
  ...(id ? { id } : {}),
  status,
  progressDetail: {
    ...(current === undefined ? {} : { current }),
    ...(total === undefined ? {} : { total }),
  },
})
