import { mkdir, open } from "node:fs/promises"
import { join } from "node:path"
import { Failure } from "../../errors/failure.ts"
import { tryLock } from "../../linux/flock.ts"

/**
 * Makes this process the owner of a root, made when absent, until it is disposed or the process ends, however it ends.
 * @throws conflict while another process is
 */
export async function ownRoot(root: string): Promise<AsyncDisposable> {
  await mkdir(root, { recursive: true, mode: 0o755 })
  const handle = await open(join(root, "lock"), "a", 0o600)
  if (!tryLock(handle.fd)) {
    await handle.close()
    throw new Failure("conflict", `another registry serves ${root}: stop it or choose another --root`)
  }
  let held = true
  return {
    async [Symbol.asyncDispose]() {
      if (!held) return
      held = false
      await handle.close()
    },
  }
}
