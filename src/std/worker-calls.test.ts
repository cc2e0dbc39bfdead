import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { WorkerCalls } from "./worker-calls.ts"

type Calls = {
  readonly open: { readonly request: object; readonly answer: number }
  readonly next: { readonly request: number; readonly answer: object }
}

test("a thread that is held keeps what it has in memory, one that is not ends when it is idle", async () => {
  const folder = mkdtempSync(join(tmpdir(), "worker-calls-"))
  writeFileSync(join(folder, "file"), "content")
  using calls = new WorkerCalls<Calls>("core/diff/read", { idleMs: 1 })
  const tree = { what: "tree", tree: { layers: [folder], below: [] }, compression: "none" }
  {
    using _ = calls.hold()
    const stream = await calls.call("open", tree)
    await pause(50)
    expect(await calls.call("next", stream)).toHaveProperty("bytes")
  }
  const stream = await calls.call("open", tree)
  await pause(50)
  await expect(calls.call("next", stream)).rejects.toThrow("read beyond its end")
  rmSync(folder, { recursive: true })
})
