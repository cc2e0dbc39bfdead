import { messageOf } from "../errors/failure.ts"
import type { Span, SpanRecord } from "../trace/span.ts"
import { waterfall } from "../trace/waterfall.ts"
import type { Invocation } from "./command.ts"

/** Prints the way of the command that has just ended, on standard error: its own steps and the daemon's. */
export async function printTrace(invocation: Invocation, span: Span): Promise<void> {
  const { docker, err } = invocation
  docker.transport.trace = undefined
  try {
    const remote = await docker.transport.json<readonly SpanRecord[]>("GET", `/barge/traces/${span.traceId}`, {})
    err.line()
    err.write(
      waterfall([...invocation.recorded(), ...remote], { columns: err.columns ?? 100, colours: err.hasColours }),
    )
  } catch (error) {
    err.line(`the trace cannot be shown: ${messageOf(error)}`)
  }
}
