import { join } from "node:path"
import type { LogDestination } from "../../core/logging/contract.ts"
import { LogForwarder } from "../../core/logging/forwarder.ts"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { AttachStream, LogConfig } from "../../shim/contract.ts"
import type { Log } from "../../std/log.ts"
import type { Container } from "../containers/record/container.ts"
import { logDrivers } from "./drivers.ts"
import { logSubject } from "./subject.ts"

export interface ForwardingCollaborators {
  readonly containersRoot: string
  readonly log: Log
  /** The files that the shim keeps. */
  readonly logConfig: (container: Container) => LogConfig
  /** Live output; undefined when the container does not run. */
  readonly follow: (container: Container, signal: AbortSignal) => Promise<AttachStream | undefined>
}

/** Milliseconds that the files of a removed container wait for its last lines to be sent. */
const farewell = 5000

/** Log drivers that send lines away: one forwarder for each container that has such a driver. */
export class LogForwarding {
  readonly #with: ForwardingCollaborators
  readonly #forwarders = new Map<string, LogForwarder>()

  constructor(collaborators: ForwardingCollaborators) {
    this.#with = collaborators
  }

  /** Reaches the one who takes a container's lines, before it starts. @throws internal in Docker's words when nobody does */
  async open(container: Container): Promise<LogDestination | undefined> {
    const { Type, Config } = container.document.hostConfig.LogConfig
    const open = logDrivers[Type]?.open
    if (!open) return undefined
    try {
      return await open(Config ?? {}, logSubject(container))
    } catch (error) {
      throw new Failure(
        "internal",
        `failed to create task for container: failed to initialize logging driver: ${messageOf(error)}`,
        error,
      )
    }
  }

  /** Sends what a container has written since it was last told of, and what it goes on to write. */
  async begin(container: Container, destination: LogDestination): Promise<void> {
    await this.#forwarders.get(container.id)?.stop()
    const forwarder = new LogForwarder(
      {
        container: container.id,
        log: this.#with.logConfig(container),
        follow: (signal) => this.#with.follow(container, signal),
        positionFile: join(this.#with.containersRoot, container.id, "forwarded.json"),
      },
      destination,
      this.#with.log,
    )
    this.#forwarders.set(container.id, forwarder)
    void forwarder.done.then(() => {
      if (this.#forwarders.get(container.id) === forwarder) this.#forwarders.delete(container.id)
    })
  }

  /** After a start of the daemon: goes on with every container, those that ended meanwhile too. */
  resume(container: Container): void {
    void this.open(container)
      .then((destination) => destination && this.begin(container, destination))
      .catch((error) => {
        this.#with.log.warn("forwarding a container's log cannot go on", {
          container: container.id,
          error: messageOf(error),
        })
      })
  }

  /** Resolves when a container that is being removed has nothing more to send, or was given its time. */
  finish(id: string): Promise<void> | undefined {
    const forwarder = this.#forwarders.get(id)
    if (!forwarder) return undefined
    const timer = setTimeout(() => void forwarder.stop(), farewell)
    return forwarder.done.finally(() => clearTimeout(timer))
  }

  /** Ends every forwarder; the next daemon goes on where they were. */
  async stop(): Promise<void> {
    await Promise.all([...this.#forwarders.values()].map((forwarder) => forwarder.stop()))
  }
}
