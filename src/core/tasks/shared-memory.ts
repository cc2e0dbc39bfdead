import { mkdirSync, readdirSync, rmdirSync } from "node:fs"
import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { mount, mountFlags } from "../../linux/mount.ts"

/** The /dev/shm of one run. Disposing takes it from the host; who has joined keeps it. */
export interface SharedMemoryOfRun extends AsyncDisposable {
  /** Where it lies on the host. */
  readonly path: string
}

/**
 * The /dev/shm of containers that others may join, each a tmpfs mounted on the host for as long as the run lasts. Every
 * run has a place of its own: the end of one may still be cleared away when the next begins.
 */
export class SharedMemory {
  readonly #root: string
  readonly #blocking: BlockingCalls
  readonly #latest = new Map<string, string>()
  #runs = 0

  /** @param root a directory of the run root, so that nothing is left after a reboot */
  constructor(root: string, blocking: BlockingCalls) {
    this.#root = root
    this.#blocking = blocking
  }

  /** Makes the memory of a container that starts. @param size bytes */
  open(containerId: string, size: number): SharedMemoryOfRun {
    const path = join(this.#root, `${containerId}.${Date.now()}-${this.#runs++}`)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    const flags = mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec
    mount({ source: "shm", target: path, type: "tmpfs", flags, data: `mode=1777,size=${size}` })
    return this.#held(containerId, path)
  }

  /** Where a running container's memory lies, when others may join it. */
  find(containerId: string): string | undefined {
    return this.#latest.get(containerId)
  }

  /**
   * After a start of the daemon: takes over what running containers have, and removes the rest.
   * @returns by container, what to dispose of when its run ends
   */
  async recover(running: ReadonlySet<string>): Promise<ReadonlyMap<string, SharedMemoryOfRun>> {
    mkdirSync(this.#root, { recursive: true, mode: 0o711 })
    const newest = new Map<string, string>()
    for (const name of readdirSync(this.#root).sort()) newest.set(name.split(".", 1)[0]!, name)
    const held = new Map<string, SharedMemoryOfRun>()
    for (const name of readdirSync(this.#root)) {
      const containerId = name.split(".", 1)[0]!
      const path = join(this.#root, name)
      if (running.has(containerId) && newest.get(containerId) === name)
        held.set(containerId, this.#held(containerId, path))
      else await this.#remove(path)
    }
    return held
  }

  #held(containerId: string, path: string): SharedMemoryOfRun {
    this.#latest.set(containerId, path)
    return {
      path,
      [Symbol.asyncDispose]: async () => {
        if (this.#latest.get(containerId) === path) this.#latest.delete(containerId)
        await this.#remove(path)
      },
    }
  }

  async #remove(path: string): Promise<void> {
    await this.#blocking.unmount(path)
    rmdirSync(path)
  }
}
