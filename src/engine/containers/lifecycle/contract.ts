export interface CreateOptions {
  /** Without a leading slash; absent: the engine makes one up. */
  readonly name?: string
  /** `os/arch[/variant]` */
  readonly platform?: string
  /** Mounts below read-only binds stay writable: what clients before 1.44 expect. */
  readonly shallowReadOnly: boolean
  /** Warn of ports with an empty list of bindings, which clients since 1.52 expect to mean nothing. */
  readonly warnsOfEmptyPorts: boolean
}

export interface StartOptions {
  /** Goes on from a checkpoint, in the container's own directory of them when `dir` is empty. */
  readonly checkpoint?: { readonly name: string; readonly dir: string }
}

export interface StopOptions {
  /** A name or a number; absent: the container's own stop signal. */
  readonly signal?: string
  /** Seconds; -1 waits for ever; absent: the container's own, or 10. */
  readonly timeout?: number
}

export interface RemoveOptions {
  readonly force: boolean
  /** Also its anonymous volumes. */
  readonly volumes: boolean
  /** Remove a link alias instead of the container. */
  readonly link: boolean
}

export type WaitCondition = "not-running" | "next-exit" | "removed"
