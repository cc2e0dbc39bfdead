import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { GrowingFile } from "./growing-file.ts"

const never = new AbortController().signal

async function withFile(text: string, use: (path: string, isOpen: () => boolean) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "growing-"))
  const path = join(folder, "file")
  writeFileSync(path, text)
  const target = (descriptor: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`)
    } catch {
      return ""
    }
  }
  try {
    await use(path, () => readdirSync("/proc/self/fd").some((each) => target(each) === path))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("a growing file is read as far as it has come, and closed at its end", () =>
  withFile("abcdef", async (path, isOpen) => {
    using file = new GrowingFile()
    const chunks = file.read(path, 6, 100, never)
    file.grown(2)
    expect((await chunks.next()).value?.toString()).toBe("ab")
    const next = chunks.next()
    file.grown(6)
    expect((await next).value?.toString()).toBe("cdef")
    expect((await chunks.next()).done).toBe(true)
    expect(isOpen()).toBe(false)
  }))

test("a reader that waits for bytes which never come has closed the file when the reading is over", () =>
  withFile("abcdef", async (path, isOpen) => {
    const file = new GrowingFile()
    const chunks = file.read(path, 6, 100, never)
    file.grown(2)
    await chunks.next()
    const waiting = chunks.next()
    // The consumer of the chunks has failed and asks for the end, which comes only after the wait.
    const ended = chunks.return(undefined)
    expect(isOpen()).toBe(true)
    file[Symbol.dispose]()
    expect(await waiting.catch((error: Error) => error.message)).toBe("nobody reads the file any more")
    await ended
    expect(isOpen()).toBe(false)
  }))

test("an abort ends a reader that waits", () =>
  withFile("abcdef", async (path, isOpen) => {
    using file = new GrowingFile()
    const aborter = new AbortController()
    const waiting = file.read(path, 6, 100, aborter.signal).next()
    aborter.abort(new Error("enough"))
    expect(await waiting.then(String, (error: Error) => error.message)).toBe("enough")
    expect(isOpen()).toBe(false)
  }))
