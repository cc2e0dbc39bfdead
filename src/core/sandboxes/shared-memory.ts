import { mkdirSync, readdirSync, rmdirSync } from "node:fs"
import { join } from "node:path"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { mount, mountFlags } from "../../linux/mount.ts"

/** Directories of the host that are mounted to be the /dev/shm of containers. */
export class SharedMemory {
  readonly #root: string
  readonly #blocking: BlockingCalls
  #places = 0

  /** @param root a directory of the run root, so that nothing is left after a reboot */
  constructor(root: string, blocking: BlockingCalls) {
    this.#root = root
    this.#blocking = blocking
  }

  /** A place that nobody has had before: what an earlier sandbox of this key had may still be in the course of being removed. */
  place(key: string): string {
    return join(this.#root, `${key}.${Date.now()}-${this.#places++}`)
  }

  /** Mounts a tmpfs. @param size bytes; 0 is the kernel's default, half of the memory */
  mount(place: string, size: number): void {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    const flags = mountFlags.nosuid | mountFlags.nodev | mountFlags.noexec
    mount({ source: "shm", target: place, type: "tmpfs", flags, data: `mode=1777,size=${size}` })
  }

  /** Takes a place from the host; containers that have it keep it. A place that is not there is not an error. */
  async remove(place: string): Promise<void> {
    await this.#blocking.unmount(place)
    try {
      rmdirSync(place)
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error
    }
  }

  /** All places, from this life of the daemon or an earlier one, the latest of a key last. */
  places(): { readonly key: string; readonly place: string }[] {
    mkdirSync(this.#root, { recursive: true, mode: 0o711 })
    return readdirSync(this.#root)
      .sort()
      .map((name) => ({ key: name.slice(0, name.lastIndexOf(".")), place: join(this.#root, name) }))
  }
}
