import type { Scope } from "../../core/scope.ts"
import type { Span, SpanRecord, SpanSink } from "../../trace/span.ts"

/** Finished spans, bounded: the newest traces in memory, and those of containers on disk. */
export interface Traces {
  /** Where every span of this daemon goes. */
  readonly sink: SpanSink
  /** Says that the trace of `span` tells of this container: it is kept with it, over restarts of the daemon. */
  keep(containerId: string, span: Span): void
  /** The spans of one trace, in order of their start. @throws notFound */
  get(scope: Scope, traceId: string): Promise<readonly SpanRecord[]>
  /** The spans of every kept trace of a container, oldest first; `containerId` is the full ID. @throws notFound when nothing is kept */
  ofContainer(scope: Scope, containerId: string): Promise<readonly SpanRecord[]>
  /** Drops what is kept of a container. Not needed when one is removed: what is kept is bounded, and may still be asked for. */
  forget(containerId: string): void
}
