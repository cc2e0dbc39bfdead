import type { Scope } from "../../core/scope.ts"
import type { Span } from "../../trace/span.ts"

/** Runs `work` as a span of the engine's layer. */
export const step = <T>(scope: Scope, name: string, work: (span: Span) => Promise<T> | T): Promise<T> =>
  scope.span.step(name, work, "engine")
