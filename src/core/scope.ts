import { noSink, Span } from "../trace/span.ts"

/**
 * What every core call is done for: the tenant, the lease that protects new objects from the garbage collector, the
 * caller's cancellation and the trace. The first argument of every core call.
 */
export interface Scope {
  /** core's tenant (containerd's "namespace"); the Docker API works in `moby`. */
  readonly namespace: string
  readonly lease?: string
  readonly signal?: AbortSignal
  readonly span: Span
}

/** A scope for work that no request asked for (restart policies, clean-up). */
export const backgroundScope = (namespace: string, name: string): Scope => ({
  namespace,
  span: Span.root(noSink, "core", name),
})

/**
 * What is known under one name for all namespaces (in the shim, in the OCI runtime, in the network, in files of the run root): the Docker API's objects by
 * their bare ID, others with their namespace before it.
 */
export const keyOf = ({ namespace }: Pick<Scope, "namespace">, id: string): string =>
  namespace === "moby" ? id : `${namespace}.${id}`
