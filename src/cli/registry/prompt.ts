import { readSync } from "node:fs"
import { makeRaw } from "../../linux/terminal-mode.ts"
import { Exit } from "../command.ts"
import type { Output } from "../streams.ts"

const interrupted = 130

/** Asks for a line of input. @param hidden what is typed is not shown @throws Exit when the user gives up */
export function ask(question: string, out: Output, hidden = false): string {
  const restore = hidden && process.stdin.isTTY ? makeRaw(0) : undefined
  try {
    out.write(question)
    return readLine().trim()
  } finally {
    restore?.()
    if (restore) out.line()
  }
}

function readLine(): string {
  const typed: number[] = []
  const byte = Buffer.alloc(1)
  for (;;) {
    if (readSync(0, byte) === 0) break
    const [letter] = byte
    if (letter === 10 || letter === 13 || letter === 4) break
    if (letter === 3) throw new Exit(interrupted)
    if (letter === 8 || letter === 127) typed.pop()
    else typed.push(letter!)
  }
  return Buffer.from(typed).toString()
}
