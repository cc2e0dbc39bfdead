import type { Docker } from "../../client/docker.ts"
import { NetworksClient } from "../../client/networks.ts"
import { isKind } from "../../errors/failure.ts"
import { atLeast, command, Exit } from "../command.ts"
import { bool, text } from "../flags/flag.ts"
import { objectFormat } from "../flags/format.ts"
import { inspectEach } from "../inspect-each.ts"

type Find = (docker: Docker, name: string, size: boolean) => Promise<string>

/** Kinds of objects in the order in which a name is looked up. */
const kinds: Readonly<Record<string, Find>> = {
  container: (docker, name, size) => docker.containers.inspectText(name, size),
  image: (docker, name) => docker.images.inspectText(name),
  network: (docker, name) => new NetworksClient(docker.transport).inspectText(name),
  volume: (docker, name) => docker.volumes.inspectText(name),
}

const known = ["config", "container", "image", "network", "node", "plugin", "secret", "service", "task", "volume"]

export const inspect = command({
  use: "inspect [OPTIONS] NAME|ID [NAME|ID...]",
  args: atLeast(1),
  complete: "containers",
  flags: {
    format: objectFormat(),
    size: bool("s", "Display total file sizes if the type is container"),
    type: text("", "Only inspect objects of the given type"),
  },
  run: async ({ args, flags, docker, out, err, given }) => {
    if (given.has("type") && flags.type === "") throw new Exit(1, `type is empty: must be one of ${quoted()}`)
    if (flags.type && !known.includes(flags.type))
      throw new Exit(1, `unknown type: ${JSON.stringify(flags.type)}: must be one of ${quoted()}`)
    if (flags.type && !kinds[flags.type])
      throw new Exit(1, `objects of the type ${flags.type} do not exist outside of a swarm`)
    const find = async (name: string): Promise<string> => {
      for (const [kind, inspectText] of Object.entries(kinds)) {
        if (flags.type && kind !== flags.type) continue
        try {
          const found = await inspectText(docker, name, flags.size)
          if (flags.size && kind !== "container") err.line(`WARNING: --size ignored for ${kind}`)
          return found
        } catch (error) {
          if (flags.type || !isKind(error, "notFound")) throw error
        }
      }
      throw new Exit(1, `error: no such object: ${name}`)
    }
    await inspectEach(args, flags.format, out, find)
  },
})

const quoted = () => known.map((type) => JSON.stringify(type)).join(", ")
