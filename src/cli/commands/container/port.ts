import { cut } from "../../../flag-values/words.ts"
import { parseDecimal, reasonOf } from "../../../std/strconv.ts"
import { between, command, Exit } from "../../command.ts"
import { naturalOrder } from "../../output/list.ts"

const address = (host: string, port: string) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)

export const port = command({
  use: "port CONTAINER [PRIVATE_PORT[/PROTO]]",
  args: between(1, 2),
  complete: "containers",
  flags: {},
  run: async ({ args, docker, out }) => {
    const { NetworkSettings } = await docker.containers.inspect(args[0]!)
    const ports = NetworkSettings.Ports ?? {}
    if (args[1] !== undefined) {
      const [number, protocol] = cut(args[1], "/")
      try {
        parseDecimal(number, 16, false)
      } catch (error) {
        throw new Exit(1, `invalid port '${number}': ${reasonOf(error)}`)
      }
      const bindings = ports[`${number}/${protocol || "tcp"}`]
      if (!bindings?.length) throw new Exit(1, `no public port '${args[1]}' published for ${args[0]}`)
      const addresses = bindings.map(({ HostIp, HostPort }) => address(HostIp, HostPort))
      for (const each of addresses.sort(naturalOrder)) out.line(each)
      return
    }
    const lines = Object.entries(ports).flatMap(([inside, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => `${inside} -> ${address(HostIp, HostPort)}`),
    )
    for (const line of lines.sort(naturalOrder)) out.line(line)
  },
})
