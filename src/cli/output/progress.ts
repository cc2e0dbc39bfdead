import type { JsonMessage } from "../../api/image.ts"
import { humanSize } from "../../std/byte-size.ts"
import { formatDuration } from "../../std/duration.ts"
import { Exit } from "../command.ts"

/** Where progress is drawn. */
export interface Screen {
  readonly isTerminal: boolean
  readonly columns: number | undefined
  write(text: string): void
}

type Detail = NonNullable<JsonMessage["progressDetail"]>

/** The bar is drawn on terminals wider than this. */
const barNeeds = 110
const barWidth = 50

/** One step's progress: `[=====>    ]  1.2MB/3.4MB 5s`; "" when nothing is known. */
export function progressBar(detail: Detail, columns: number, now: number = Date.now() / 1000): string {
  const current = detail.current ?? 0
  const total = detail.total ?? 0
  if (current <= 0 && total <= 0) return ""
  const size = (bytes: number) => (detail.units ? String(bytes) : humanSize(bytes).padStart(8))
  const unit = detail.units ? ` ${detail.units}` : ""
  if (total <= 0) return size(current) + unit
  const done = Math.min(barWidth, Math.trunc((Math.trunc((current / total) * 100) * barWidth) / 100))
  const bar = columns > barNeeds ? `[${"=".repeat(done)}>${" ".repeat(barWidth - done)}] ` : ""
  const counts = current > total ? size(current) : `${size(current)}/${size(total).trimStart()}`
  return bar + counts + unit + timeLeft(detail, current, total, done, now)
}

function timeLeft({ start }: Detail, current: number, total: number, done: number, now: number): string {
  if (current <= 0 || !start || done >= barWidth) return ""
  return ` ${formatDuration(BigInt(Math.round(((now - start) / current) * (total - current))) * 1_000_000_000n)}`
}

/**
 * Prints a stream of progress messages: on a terminal every step keeps its line and is drawn over, elsewhere a step has
 * one line per status.
 *
 * @param onAux gets what the daemon tells programs
 * @throws Exit 1 with the daemon's words when the stream ends in an error
 */
export async function printProgress(
  messages: AsyncIterable<JsonMessage>,
  screen: Screen,
  onAux: (aux: unknown) => void = () => {},
): Promise<void> {
  const steps = new Map<string, number>()
  for await (const message of messages) {
    if (message.aux !== undefined && message.aux !== null) {
      onAux(message.aux)
      continue
    }
    let below = 0
    if (message.id && (message.progressDetail || message.progress)) {
      let line = steps.get(message.id)
      if (line === undefined) {
        line = steps.size
        steps.set(message.id, line)
        if (screen.isTerminal) screen.write("\n")
      }
      below = steps.size - line
      if (screen.isTerminal) screen.write(`\x1b[${below}A`)
    } else steps.clear()
    if (message.error || message.errorDetail) throw failure(message)
    screen.write(messageText(message, screen))
    if (message.id && screen.isTerminal && below > 0) screen.write(`\x1b[${below}B`)
  }
}

function failure({ error, errorDetail }: JsonMessage): Exit {
  if (errorDetail?.code === 401) return new Exit(1, "authentication is required")
  return new Exit(1, errorDetail?.message || error || "")
}

function messageText(message: JsonMessage, screen: Screen): string {
  const detail = message.progressDetail
  const bar = detail ? progressBar(detail, screen.columns ?? 200) : ""
  const redraws = screen.isTerminal && !message.stream && detail !== undefined
  if (!redraws && bar) return ""
  const id = message.id ? `${message.id}: ` : ""
  const status = message.status ?? ""
  if (redraws) return `\x1b[2K\r${id}${status} ${bar}\r`
  if (message.progress) return `${id}${status} ${message.progress}`
  return message.stream ? id + message.stream : `${id}${status}\n`
}
