import { encodeJson } from "./json.ts"
import { Turns } from "./turns.ts"

/** About how many bytes are encoded at once: a few milliseconds. */
const pieceBytes = 1024 * 1024

/**
 * As `encodeJson`, for values of any size: what is large is encoded piece by piece, and others get their turn in between. The value must
 * not change meanwhile.
 * @returns the text in pieces; one when the value is small
 */
export async function encodeJsonInTurns(value: unknown): Promise<readonly string[]> {
  if (isSmall(value)) return [encodeJson(value)]
  const encoder = new PieceEncoder()
  await encoder.add(value)
  return encoder.pieces()
}

/** Whether a value is encoded quickly enough in one piece. Looks at no more of it than that. */
export const isSmall = (value: unknown): boolean => weigh(value, pieceBytes) >= 0

/** @returns what is left of `room` bytes; below zero when there were not enough */
function weigh(value: unknown, room: number): number {
  let left = room - 8
  if (typeof value === "string") return left - value.length
  if (typeof value !== "object" || value === null) return left
  if (Array.isArray(value)) {
    for (const item of value) {
      left = weigh(item, left)
      if (left < 0) return left
    }
    return left
  }
  for (const name in value) {
    left = weigh((value as Record<string, unknown>)[name], left - name.length)
    if (left < 0) return left
  }
  return left
}

class PieceEncoder {
  readonly #turns = new Turns()
  readonly #pieces: string[] = []
  #open: string[] = []
  #bytes = 0

  pieces(): readonly string[] {
    this.#close()
    return this.#pieces
  }

  /** Adds a value that is not small. */
  async add(value: unknown): Promise<void> {
    if (typeof value === "string") await this.#text(value)
    else if (Array.isArray(value)) await this.#list(value)
    else await this.#object(value as Readonly<Record<string, unknown>>)
  }

  async #list(items: readonly unknown[]): Promise<void> {
    let before = "["
    for (const item of items) {
      if (!this.#put(before, item)) await this.add(item)
      before = ","
      if (this.#bytes >= pieceBytes) await this.#next()
    }
    this.#open.push("]")
  }

  async #object(fields: Readonly<Record<string, unknown>>): Promise<void> {
    let before = "{"
    for (const name of Object.keys(fields)) {
      const value = fields[name]
      if (value === undefined || typeof value === "function") continue
      if (!this.#put(`${before}${JSON.stringify(name)}:`, value)) await this.add(value)
      before = ","
      if (this.#bytes >= pieceBytes) await this.#next()
    }
    this.#open.push(before === "{" ? "{}" : "}")
  }

  async #text(text: string): Promise<void> {
    this.#open.push('"')
    for (let at = 0; at < text.length; ) {
      let end = Math.min(at + pieceBytes, text.length)
      // Both halves of a character beyond 16 bits are encoded together.
      if (end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end++
      this.#open.push(JSON.stringify(text.slice(at, end)).slice(1, -1))
      at = end
      await this.#next()
    }
    this.#open.push('"')
  }

  /** Adds `before`, and the value behind it when that is small. @returns whether it is */
  #put(before: string, value: unknown): boolean {
    this.#open.push(before)
    const left = weigh(value, pieceBytes)
    if (left >= 0) this.#open.push(encodeJson(value) ?? "null")
    this.#bytes += before.length + pieceBytes - Math.max(left, 0)
    return left >= 0
  }

  #close(): void {
    if (this.#open.length > 0) this.#pieces.push(this.#open.join(""))
    this.#open = []
    this.#bytes = 0
  }

  async #next(): Promise<void> {
    this.#close()
    await this.#turns.pass()
  }
}
