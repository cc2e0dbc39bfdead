import type { JsonMessage } from "../../api/image.ts"
import type { TransferProgress } from "../../core/transfer/contract.ts"
import { humanSize } from "../../std/byte-size.ts"

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

/** Milliseconds between two counts of one thing. */
const countsEvery = 100

/** Passes on at most ten counts of one thing a second, the latest always in the end, and everything else at once. */
export function thinned(tell: (progress: TransferProgress) => void): (progress: TransferProgress) => void {
  const things = new Map<string | undefined, { status: string; at: number; late?: NodeJS.Timeout | undefined }>()
  return (progress) => {
    const { id, status, current, total } = progress
    const before = things.get(id)
    clearTimeout(before?.late)
    const now = performance.now()
    const wait =
      before?.status === status && current !== undefined && current !== total ? before.at + countsEvery - now : 0
    if (wait <= 0) {
      things.set(id, { status, at: now })
      tell(progress)
      return
    }
    const thing = before!
    thing.late = setTimeout(() => {
      thing.at = performance.now()
      tell(progress)
    }, wait)
  }
}

/** Progress in the form of Docker's streams. */
export const progressMessage = ({ id, status, current, total }: TransferProgress): JsonMessage => ({
  status,
  progressDetail: {
    ...(current === undefined ? {} : { current }),
    ...(total === undefined ? {} : { total }),
  },
  ...(current || total ? { progress: progressBar(current ?? 0, total ?? 0) } : {}),
  ...(id ? { id } : {}),
})

const barWidth = 50

/** `[=====>      ]  1.2MB/3.4MB`, for clients that print what they get. */
export function progressBar(current: number, total: number): string {
  const size = humanSize(current).padStart(8)
  if (total <= 0) return size
  const done = Math.min(barWidth, Math.trunc(Math.trunc((current / total) * 100) / 2))
  const bar = `[${"=".repeat(done)}>${" ".repeat(barWidth - done)}] `
  return bar + (current > total ? size : `${size}/${humanSize(total)}`)
}
