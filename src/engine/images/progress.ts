import type { JsonMessage } from "../../api/image.ts"
import type { TellProgress, TransferPhase, TransferProgress } from "../../core/transfer/progress.ts"
import { humanSize } from "../../std/byte-size.ts"
import { shortId } from "../../std/id.ts"

/** Docker's words for the steps of one kind of operation; of the others it says nothing. */
export type ProgressWords = Readonly<Partial<Record<TransferPhase, string>>>

export const pullWords: ProgressWords = {
  present: "Already exists",
  queued: "Pulling fs layer",
  waiting: "Waiting",
  receiving: "Downloading",
  verifying: "Verifying Checksum",
  received: "Download complete",
  unpacking: "Extracting",
  unpacked: "Pull complete",
}

export const pushWords: ProgressWords = {
  present: "Layer already exists",
  queued: "Preparing",
  compressing: "Preparing",
  waiting: "Waiting",
  sending: "Pushing",
  sent: "Pushed",
}

export const copyWords: ProgressWords = { present: "Layer already exists", sending: "Copying", sent: "Copied" }

export const loadWords: ProgressWords = { unpacking: "Loading layer" }

function wordOf(words: ProgressWords, progress: TransferProgress): string | undefined {
  if (progress.phase === "linked") return `Mounted from ${progress.from}`
  if (progress.phase !== "retrying") return words[progress.phase]
  const seconds = Math.ceil(progress.wait / 1000)
  return `Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`
}

/** Tells the progress of an operation as Docker does: under the layers' short IDs, with few of many counts. */
export const dockerProgress = (words: ProgressWords, tell: (message: JsonMessage) => void): TellProgress =>
  thinned((progress) => {
    const status = wordOf(words, progress)
    if (status === undefined) return
    const { object, diffID } = progress
    tell(progressMessage(shortId(diffID ?? object.digest), status, "current" in progress ? progress : {}))
  })

/** Milliseconds between two counts of one object. */
const countsEvery = 100

/** Passes on at most ten counts of one object a second, the latest always in the end, and everything else at once. */
export function thinned(tell: TellProgress): TellProgress {
  const objects = new Map<string, { phase: TransferPhase; at: number; late?: NodeJS.Timeout | undefined }>()
  return (progress) => {
    const { phase, object, diffID } = progress
    const key = diffID ?? object.digest
    const before = objects.get(key)
    clearTimeout(before?.late)
    const now = performance.now()
    const isCount = "current" in progress && progress.current !== progress.total
    if (!before || before.phase !== phase || !isCount || before.at + countsEvery <= now) {
      objects.set(key, { phase, at: now })
      tell(progress)
      return
    }
    before.late = setTimeout(
      () => {
        before.at = performance.now()
        tell(progress)
      },
      before.at + countsEvery - now,
    )
  }
}

/** Progress in the form of Docker's streams. @param id a layer's short ID, or an image's name */
export const progressMessage = (
  id: string,
  status: string,
  { current, total }: { readonly current?: number; readonly total?: number } = {},
): JsonMessage => ({
  status,
  progressDetail: {
    ...(current === undefined ? {} : { current }),
    ...(total === undefined ? {} : { total }),
  },
  ...(current || total ? { progress: progressBar(current ?? 0, total ?? 0) } : {}),
  id,
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
