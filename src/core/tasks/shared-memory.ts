import { mkdirSync, readdirSync, rmdirSync } from "node:fs"
import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { mount, mountFlags } from "../../linux/mount.ts"

/**
 * The /dev/shm of containers that others may join, each a tmpfs mounted on the host for as long as its container runs.
 * A container that has joined holds a mount of its own: it keeps the memory when the giver ends.
 */
export class SharedMemory {
  readonly #root: string
  readonly #blocking: BlockingCalls
  readonly #open = new Set<string>()

  /** @param root a directory of the run root, so that nothing is left after a reboot */
  constructor(root: string, blocking: BlockingCalls) {
    this.#root = root
    this.#blocking = blocking
  }

  /** Makes the memory of a container that starts. @param size bytes @returns where it lies on the host */
  async open(containerId: string, size: number): Promise<string> {
    await this.close(containerId)
    const target = join(this.#root, containerId)
    mkdirSync(target, { recursive: true, mode: 0o700 })
    const flags = mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec
    mount({ source: "shm", target, type: "tmpfs", flags, data: `mode=1777,size=${size}` })
    this.#open.add(containerId)
    return target
  }

  /** Where a running container's memory lies, when others may join it. */
  find(containerId: string): string | undefined {
    return this.#open.has(containerId) ? join(this.#root, containerId) : undefined
  }

  /** Takes the memory of a container that ended from the host. Idempotent. */
  async close(containerId: string): Promise<void> {
    if (!this.#open.delete(containerId)) return
    await this.#remove(containerId)
  }

  /** After a start of the daemon: takes over what running containers have, and removes the rest. */
  async recover(running: ReadonlySet<string>): Promise<void> {
    mkdirSync(this.#root, { recursive: true, mode: 0o711 })
    for (const containerId of readdirSync(this.#root)) {
      if (running.has(containerId)) this.#open.add(containerId)
      else await this.#remove(containerId)
    }
  }

  async #remove(containerId: string): Promise<void> {
    const target = join(this.#root, containerId)
    await this.#blocking.unmount(target)
    rmdirSync(target)
  }
}
