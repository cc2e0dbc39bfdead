import { messageOf } from "../errors/failure.ts"
import type { NetlinkSocket } from "../linux/netlink.ts"
import { awaitDeparture } from "./reconcile.ts"

/** After this time, in milliseconds, a namespace that was let go must have gone, and its links with it. */
const patience = 10_000

/**
 * Links that should vanish by themselves because their namespace was let go. One that stays is deleted: some program's
 * copy of the mounts may hold the namespace for long.
 */
export class Departures implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #log: (message: string) => void
  #links: string[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(socket: NetlinkSocket, log: (message: string) => void) {
    this.#socket = socket
    this.#log = log
  }

  expect(link: string): void {
    this.#links.push(link)
    this.#timer ??= setTimeout(() => void this.#sweep(), patience)
    this.#timer.unref()
  }

  async #sweep(): Promise<void> {
    this.#timer = undefined
    const links = this.#links
    this.#links = []
    try {
      for (const name of await awaitDeparture(this.#socket, links, 0))
        this.#log(`interface ${name} was still held by another program; deleted`)
    } catch (error) {
      this.#log(`interfaces could not be removed: ${messageOf(error)}`)
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
