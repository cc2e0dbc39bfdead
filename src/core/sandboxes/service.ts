import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { BlockingCalls } from "../../linux/blocking.ts"
import { makeKeptNamespace } from "../../linux/kept-namespace.ts"
import type { Networking, Records } from "../../network/contract.ts"
import type { Log } from "../../std/log.ts"
import { keyOf, type Scope } from "../scope.ts"
import type { LivingSandboxes, Sandbox, Sandboxes, SandboxRequest } from "./contract.ts"
import { adoptOlder } from "./older.ts"
import type { PidInits } from "./pid-init.ts"
import type { SandboxRecord } from "./record.ts"
import type { SharedMemory } from "./shared-memory.ts"

export interface SandboxCollaborators {
  readonly records: Records<SandboxRecord>
  readonly networking: Pick<Networking, "join" | "leave" | "sandbox" | "sandboxes" | "reconcile">
  readonly sharedMemory: SharedMemory
  readonly pidInits: PidInits
  /** Holds the files of IPC namespaces; on the run root. */
  readonly ipcRoot: string
  /** Identifies the time since the host was started. */
  readonly boot: string
  readonly blocking: BlockingCalls
  /** A scope for what no request asked for. */
  readonly scopeOf: (namespace: string) => Scope
  readonly log: Log
}

/** Sandboxes as records, with what the kernel has of them in the network, in mounts and in tasks. */
export class SandboxService implements Sandboxes {
  readonly #with: SandboxCollaborators
  readonly #known: Map<string, SandboxRecord>
  #places = 0

  constructor(collaborators: SandboxCollaborators) {
    this.#with = collaborators
    this.#known = new Map(collaborators.records.all())
  }

  async create(scope: Scope, request: SandboxRequest): Promise<Sandbox> {
    const { networking, sharedMemory, pidInits, ipcRoot } = this.#with
    const { id, owner, name, network, cgroupParent } = request
    const key = keyOf(scope, id)
    if (this.#known.has(key)) throw new Failure("alreadyExists", `sandbox ${name} (${id}) exists already`)
    const record: SandboxRecord = {
      id,
      namespace: scope.namespace,
      owner,
      name,
      boot: this.#with.boot,
      ...(request.ipc ? { ipc: join(ipcRoot, `${key}.${Date.now()}-${this.#places++}`) } : {}),
      ...(request.pid ? { pid: true } : {}),
      ...(request.sharedMemory === undefined ? {} : { sharedMemory: sharedMemory.place(key) }),
      ...(cgroupParent ? { cgroupParent } : {}),
    }
    this.#with.records.put(key, record)
    this.#known.set(key, record)
    try {
      if (record.sharedMemory) sharedMemory.mount(record.sharedMemory, request.sharedMemory!)
      if (record.ipc) {
        mkdirSync(ipcRoot, { recursive: true, mode: 0o711 })
        await makeKeptNamespace("ipc", record.ipc)
      }
      if (record.pid) await pidInits.start(scope, id, cgroupParent)
      if (network) await networking.join({ ...network, containerId: key, containerName: name }, scope.span)
      if (this.#known.get(key) !== record)
        throw new Failure("conflict", `sandbox ${name} was removed while it was made`)
    } catch (error) {
      await this.#give(key, record).catch((failed) =>
        this.#with.log.warn("giving up a sandbox that could not be made failed", {
          sandbox: id,
          error: messageOf(failed),
        }),
      )
      throw error
    }
    return this.#shown(key, record)
  }

  find(scope: Scope, id: string): Sandbox | undefined {
    const key = keyOf(scope, id)
    const record = this.#known.get(key)
    return record && this.#shown(key, record)
  }

  list({ namespace }: Scope): readonly Sandbox[] {
    return [...this.#known]
      .filter(([, record]) => record.namespace === namespace)
      .map(([key, record]) => this.#shown(key, record))
  }

  async remove(scope: Scope, id: string): Promise<void> {
    const key = keyOf(scope, id)
    const record = this.#known.get(key)
    if (record) await this.#give(key, record)
    // Earlier builds recorded places in networks alone.
    else this.#with.networking.leave(key)
  }

  async recover(living: LivingSandboxes): Promise<void> {
    const { networking, records, log, boot } = this.#with
    for (const [key, record] of adoptOlder(this.#known, this.#with, living)) {
      records.put(key, record)
      this.#known.set(key, record)
    }
    for (const [key, record] of [...this.#known]) {
      if (record.boot === boot && (living.get(record.owner)?.(record) ?? true)) continue
      await this.#give(key, record).catch((error) =>
        log.warn("giving up a sandbox failed", { sandbox: record.id, error: messageOf(error) }),
      )
    }
    await this.#sweep()
    await networking.reconcile(new Set(this.#known.keys()))
  }

  /** Frees a sandbox. Its record goes first, once the network is left: what a crash leaves of the rest is swept, as no record names it. */
  async #give(key: string, record: SandboxRecord): Promise<void> {
    const { networking, records, sharedMemory, pidInits, scopeOf } = this.#with
    networking.leave(key)
    records.delete(key)
    this.#known.delete(key)
    if (record.pid) await pidInits.end(scopeOf(record.namespace), record.id)
    if (record.sharedMemory) await sharedMemory.remove(record.sharedMemory)
    if (record.ipc) await this.#dropNamespace(record.ipc)
  }

  /** Takes away what no record names. */
  async #sweep(): Promise<void> {
    const { sharedMemory, pidInits, ipcRoot, scopeOf, log } = this.#with
    const records = [...this.#known.values()]
    const kept = new Set(records.flatMap(({ ipc, sharedMemory: memory }) => [ipc, memory]))
    const attempt = async (what: string, work: () => Promise<void>) => {
      await work().catch((error) =>
        log.warn("taking away what a sandbox left failed", { what, error: messageOf(error) }),
      )
    }
    for (const { place } of sharedMemory.places())
      if (!kept.has(place)) await attempt(place, () => sharedMemory.remove(place))
    for (const path of filesIn(ipcRoot)) if (!kept.has(path)) await attempt(path, () => this.#dropNamespace(path))
    for (const { namespace, sandboxId } of pidInits.all()) {
      const scope = scopeOf(namespace)
      if (!this.#known.get(keyOf(scope, sandboxId))?.pid) await attempt(sandboxId, () => pidInits.end(scope, sandboxId))
    }
  }

  async #dropNamespace(path: string): Promise<void> {
    await this.#with.blocking.unmount(path)
    rmSync(path, { force: true })
  }

  #shown(key: string, record: SandboxRecord): Sandbox {
    const { id, namespace, owner, name, ipc, sharedMemory, cgroupParent } = record
    const network = this.#with.networking.sandbox(key)?.path
    const pid = record.pid ? this.#with.pidInits.namespace(this.#with.scopeOf(namespace), id) : undefined
    return {
      id,
      namespace,
      owner,
      name,
      namespaces: { ...(network ? { network } : {}), ...(ipc ? { ipc } : {}), ...(pid ? { pid } : {}) },
      ...(sharedMemory ? { sharedMemory } : {}),
      ...(cgroupParent ? { cgroupParent } : {}),
    }
  }
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name))
  } catch {
    return []
  }
}
