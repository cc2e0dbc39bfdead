import { expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { holdRootSeenBy } from "./root-view.ts"

test("a root that is held keeps what is mounted in it when its container ends", async () => {
  const folder = mkdtempSync(join(tmpdir(), "root-view-"))
  try {
    const script = `mount -t tmpfs none ${folder} && echo mounted && exec sleep 1000`
    const container = spawn("unshare", ["--mount", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] })
    await once(container.stdout, "data")
    {
      using held = holdRootSeenBy(container.pid!, "/")!
      const ended = once(container, "exit")
      container.kill("SIGKILL")
      await ended
      writeFileSync(join(held.path, folder, "written"), "late")
      expect(existsSync(join(held.path, folder, "written"))).toBe(true)
    }
    expect(existsSync(join(folder, "written"))).toBe(false)
    expect(holdRootSeenBy(container.pid!, "/")).toBeUndefined()
  } finally {
    rmSync(folder, { recursive: true })
  }
})
