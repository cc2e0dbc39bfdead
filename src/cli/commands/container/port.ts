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
      const wanted = args[1].includes("/") ? args[1] : `${args[1]}/tcp`
      const bindings = ports[wanted]
      if (!bindings) throw new Exit(1, `no public port '${args[1]}' published for ${args[0]}`)
      for (const { HostIp, HostPort } of bindings) out.line(address(HostIp, HostPort))
      return
    }
    const lines = Object.entries(ports).flatMap(([inside, bindings]) =>
      (bindings ?? []).map(({ HostIp, HostPort }) => `${inside} -> ${address(HostIp, HostPort)}`),
    )
    for (const line of lines.sort(naturalOrder)) out.line(line)
  },
})
