import { createInterface } from "node:readline"
import { Exit } from "../command.ts"
import type { Output } from "../streams.ts"

/** Asks for a line of input. @param hidden what is typed is not shown */
export async function ask(question: string, out: Output, hidden = false): Promise<string> {
  out.write(question)
  if (hidden && process.stdin.isTTY) return readHidden(out)
  const lines = createInterface({ input: process.stdin })
  try {
    for await (const line of lines) return line.trim()
    return ""
  } finally {
    lines.close()
  }
}

async function readHidden(out: Output): Promise<string> {
  process.stdin.setRawMode(true)
  let text = ""
  try {
    for await (const chunk of process.stdin) {
      for (const letter of (chunk as Buffer).toString()) {
        if (letter === "\r" || letter === "\n" || letter === "\u0004") return text
        if (letter === "\u0003") throw new Exit(130, "")
        if (letter === "\u007f" || letter === "\b") text = text.slice(0, -1)
        else text += letter
      }
    }
    return text
  } finally {
    process.stdin.setRawMode(false)
    process.stdin.pause()
    out.line()
  }
}
