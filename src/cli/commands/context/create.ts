import { command, Exit, exactly, type Invocation } from "../../command.ts"
import { defaultDescription } from "../../context/contexts.ts"
import { endpointOf } from "../../context/endpoint.ts"
import { checkContextName } from "../../context/store.ts"
import { text } from "../../flags/flag.ts"
import { endpointFlag } from "./endpoint-flag.ts"

const flags = {
  description: text("", "Description of the context"),
  docker: endpointFlag,
  from: text("", "create context from a named context"),
}

export const create = command({
  use: "create [OPTIONS] CONTEXT",
  args: exactly(1),
  flags,
  run: async (invocation) => {
    const { args, contexts, out, err } = invocation
    const name = args[0]!
    checkContextName(name)
    contexts.checkNew(name)
    make(invocation, name)
    out.line(name)
    err.line(`Successfully created context ${JSON.stringify(name)}`)
  },
})

function make(invocation: Invocation<typeof flags>, name: string): void {
  const { given, contexts } = invocation
  const wish = invocation.flags
  const described = wish.description ? { Description: wish.description } : {}
  if (given.has("docker") && !wish.from) {
    const { endpoint, tls } = endpointOf(contexts.store, wish.docker)
    contexts.store.put({ Name: name, Metadata: described, Endpoints: { docker: endpoint } }, tls)
    return
  }
  if (Object.keys(wish.docker).length > 0) throw new Exit(1, "cannot use --docker flag when --from is set")
  const from = wish.from || contexts.current
  const record = contexts.get(from)
  const shown = from === "default" ? { Description: defaultDescription } : record.Metadata
  contexts.store.put({ ...record, Name: name, Metadata: { ...shown, ...described } }, contexts.tls(from))
}
