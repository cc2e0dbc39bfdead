import { expect, test } from "bun:test"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { backgroundScope } from "../../core/scope.ts"
import { Span } from "../../trace/span.ts"
import { TraceStore } from "./store.ts"

const scope = backgroundScope("moby", "test")

async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "traces-"))
  try {
    await work(directory)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test("spans of several traces of a container are kept, in order, and survive a restart", () =>
  inFolder(async (directory) => {
    {
      await using store = new TraceStore({ directory })
      for (const name of ["create", "start"]) {
        const root = Span.root(store.sink, "api", name)
        root.child("inner").end()
        store.keep("abc", root)
        root.end()
      }
    }
    await using again = new TraceStore({ directory })
    const names = (await again.ofContainer(scope, "abc")).map((span) => span.name)
    expect(names).toEqual(["create", "inner", "start", "inner"])
    const late = Span.root(again.sink, "api", "stop")
    again.keep("abc", late)
    late.end()
    expect((await again.ofContainer(scope, "abc")).at(-1)!.name).toBe("stop")
  }))

test("a span that ends after keep is kept too", () =>
  inFolder(async (directory) => {
    await using store = new TraceStore({ directory })
    const root = Span.root(store.sink, "api", "start")
    store.keep("abc", root)
    await store.flush()
    root.end()
    expect(await store.ofContainer(scope, "abc")).toHaveLength(1)
  }))

test("memory and the traces of one container are bounded", () =>
  inFolder(async (directory) => {
    await using store = new TraceStore({ directory })
    const first = Span.root(store.sink, "api", "first")
    first.end()
    for (let i = 0; i < 1200; i++) {
      const span = Span.root(store.sink, "api", `s${i}`)
      if (i > 1100) store.keep("abc", span)
      span.end()
    }
    await expect(store.get(scope, first.traceId)).rejects.toThrow("no trace")
    expect(await store.ofContainer(scope, "abc")).toHaveLength(20)
  }))

test("what is forgotten is gone, and an ID that is none names no file", () =>
  inFolder(async (directory) => {
    await using store = new TraceStore({ directory })
    const span = Span.root(store.sink, "api", "x")
    store.keep("abc", span)
    span.end()
    await store.flush()
    store.forget("abc")
    await expect(store.ofContainer(scope, "abc")).rejects.toThrow("no trace is kept")
    await expect(store.ofContainer(scope, "../secret")).rejects.toThrow("not a container ID")
    await store.flush()
    expect(readdirSync(directory)).toEqual([])
  }))
