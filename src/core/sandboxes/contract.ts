import type { JoinOptions } from "../../network/contract.ts"
import type { Scope } from "../scope.ts"

/** What a sandbox is to hold. */
export interface SandboxRequest {
  readonly id: string
  /** The part of the program that the sandbox belongs to: the engine. Recorded, so that its owner decides on it after a restart. */
  readonly owner: string
  /** For people: in the message that a port is taken. */
  readonly name: string
  /** A network namespace, and what it is joined to. Absent: none; containers have the host's, or new ones. */
  readonly network?: Omit<JoinOptions, "containerId" | "containerName">
  /** An IPC namespace, for System V IPC and POSIX message queues. */
  readonly ipc?: boolean
  /** A PID namespace. A small process that does nothing but reap is in it from the beginning, as its process 1. */
  readonly pid?: boolean
  /** A tmpfs of so many bytes, to be the /dev/shm of containers; 0: half of the host's memory. */
  readonly sharedMemory?: number
  /** The cgroup that holds those of the containers; it is not made or removed here. */
  readonly cgroupParent?: string
}

/** Linux namespaces and memory that containers share: there before the first of them, until the sandbox is removed. */
export interface Sandbox {
  readonly id: string
  /** core's tenant. */
  readonly namespace: string
  readonly owner: string
  readonly name: string
  /** The files of its Linux namespaces, for specifications. */
  readonly namespaces: { readonly network?: string; readonly ipc?: string; readonly pid?: string }
  /** A mounted directory of the host. */
  readonly sharedMemory?: string
  readonly cgroupParent?: string
}

/** The owners of sandboxes that take part in a recovery: for each, whether a sandbox of it lives. */
export type LivingSandboxes = ReadonlyMap<string, (sandbox: Pick<Sandbox, "namespace" | "id">) => boolean>

/**
 * Sandboxes, each recorded before anything of it is acquired. They outlive the daemon. What is in a sandbox's network beyond its namespace
 * (addresses, ports, names) is asked of the network, by the sandbox's key (`keyOf`).
 */
export interface Sandboxes {
  /**
   * Makes a sandbox; when this fails, nothing of it is left.
   * @throws alreadyExists · as the network's `join` · internal when the kernel refuses
   */
  create(scope: Scope, request: SandboxRequest): Promise<Sandbox>
  find(scope: Scope, id: string): Sandbox | undefined
  list(scope: Scope): readonly Sandbox[]
  /**
   * Gives a sandbox up: its record, addresses and ports at once, before this returns its promise; the rest when it resolves. Containers that
   * are in it keep what they have joined, but for its PID namespace, which ends with everything in it. Idempotent.
   */
  remove(scope: Scope, id: string): Promise<void>
  /**
   * After a restart: frees the sandboxes that do not live, and what no record names. Those of owners that are not among `living` stay as
   * they are, unless the host was started anew meanwhile. Call once, when the tasks have been recovered.
   */
  recover(living: LivingSandboxes): Promise<void>
}
