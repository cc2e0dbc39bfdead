import { messageOf } from "../errors/failure.ts"
import { deleteLink, linkByName } from "../linux/links.ts"
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
  readonly #patience: number
  /** When each of them is waited for no longer, the earliest first. */
  #links: { readonly name: string; readonly until: number }[] = []
  #timer: NodeJS.Timeout | undefined

  /** @param wait how long each link is waited for, in milliseconds */
  constructor(socket: NetlinkSocket, log: (message: string) => void, wait = patience) {
    this.#socket = socket
    this.#log = log
    this.#patience = wait
  }

  expect(link: string): void {
    this.#links.push({ name: link, until: performance.now() + this.#patience })
    this.#look()
  }

  /** Deletes a link that is on its way out and still takes a port of a bridge. @returns whether there was one */
  hurry(bridge: number): boolean {
    const found = this.#links.find(({ name }) => linkByName(this.#socket, name)?.master === bridge)
    if (found) deleteLink(this.#socket, found.name)
    return found !== undefined
  }

  #look(): void {
    const first = this.#links[0]
    if (!first || this.#timer) return
    this.#timer = setTimeout(() => void this.#sweep(), Math.max(0, first.until - performance.now()))
    this.#timer.unref()
  }

  async #sweep(): Promise<void> {
    this.#timer = undefined
    const now = performance.now()
    const due = this.#links.filter(({ until }) => until <= now).map(({ name }) => name)
    this.#links = this.#links.slice(due.length)
    this.#look()
    try {
      for (const name of await awaitDeparture(this.#socket, due, 0))
        this.#log(`interface ${name} was still held by another program; deleted`)
    } catch (error) {
      this.#log(`interfaces could not be removed: ${messageOf(error)}`)
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
  }
}
