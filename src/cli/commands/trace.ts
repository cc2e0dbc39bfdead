import { waterfall } from "../../trace/waterfall.ts"
import { command, exactly } from "../command.ts"
import { bool } from "../flags/flag.ts"

export const trace = command({
  use: "trace [OPTIONS] CONTAINER",
  args: exactly(1),
  complete: "containers",
  flags: { json: bool("", "Print the recorded steps as JSON") },
  run: async ({ args, flags, docker, out }) => {
    const spans = await docker.containers.trace(args[0]!)
    if (flags.json) {
      out.line(JSON.stringify(spans, null, 4))
      return
    }
    const traces = Map.groupBy(spans, (span) => span.traceId)
    let first = true
    for (const steps of traces.values()) {
      if (!first) out.line()
      first = false
      out.write(waterfall(steps, { columns: out.columns ?? 100, colours: out.hasColours }))
    }
  },
})
