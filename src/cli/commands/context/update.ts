import { command, exactly } from "../../command.ts"
import { endpointOf } from "../../context/endpoint.ts"
import { checkContextName } from "../../context/store.ts"
import { text } from "../../flags/flag.ts"
import { endpointFlag } from "./endpoint-flag.ts"

export const update = command({
  use: "update [OPTIONS] CONTEXT",
  args: exactly(1),
  complete: "contexts",
  flags: { description: text("", "Description of the context"), docker: endpointFlag },
  run: async ({ args, flags, given, contexts, out, err }) => {
    const name = args[0]!
    checkContextName(name)
    const record = contexts.get(name)
    const described = flags.description ? { ...record.Metadata, Description: flags.description } : record.Metadata
    if (given.has("docker")) {
      const { endpoint, tls } = endpointOf(contexts.store, flags.docker)
      contexts.store.put({ ...record, Metadata: described, Endpoints: { ...record.Endpoints, docker: endpoint } }, tls)
    } else contexts.store.put({ ...record, Metadata: described })
    out.line(name)
    err.line(`Successfully updated context ${JSON.stringify(name)}`)
  },
})
