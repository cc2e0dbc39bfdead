import { Failure, type Kind } from "../../errors/failure.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const refusing = (kind: Kind, message: string) => (key: string) =>
  route(key, {
    untraced: true,
    run: () => {
      throw new Failure(kind, message)
    },
  })

const notManager = refusing(
  "unavailable",
  "This node is not a swarm manager. Barge has no swarm mode: on one machine use compose",
)
const noSwarms = refusing(
  "notImplemented",
  "Barge has no swarm mode: it runs the containers of one machine; for several that belong together use compose",
)
const noPlugins = refusing(
  "notImplemented",
  "Barge has no managed plugins: what plugins add is built in or configured with the daemon",
)

/** What is done with a plugin of a name. */
const ofPlugin = [
  "GET /plugins/:name/json",
  "POST /plugins/:name/enable",
  "POST /plugins/:name/disable",
  "POST /plugins/:name/set",
  "POST /plugins/:name/push",
  "POST /plugins/:name/upgrade",
  "DELETE /plugins/:name",
] as const

const noSuchPlugin = (key: (typeof ofPlugin)[number]) =>
  route(key, {
    run: ({ params }) => {
      throw new Failure("notFound", `plugin ${JSON.stringify(params.name)} not found`)
    },
  })

const methods = "GET|POST|PUT|DELETE"

/** What Docker has and Barge, by decision, has not: answered as a daemon outside a swarm and without plugins does. */
export const swarmRoutes = (): RouteTable => [
  noSwarms("POST /swarm/init"),
  noSwarms("POST /swarm/join"),
  refusing("unavailable", "This node is not part of a swarm")("POST /swarm/leave"),
  ...["swarm", "nodes", "services", "tasks", "secrets", "configs"].flatMap((resource) => [
    notManager(`${methods} /${resource}`),
    notManager(`${methods} /${resource}/:rest`),
  ]),
  route("GET /plugins", { run: () => json([]) }),
  noPlugins("GET /plugins/privileges"),
  noPlugins("POST /plugins/pull"),
  noPlugins("POST /plugins/create"),
  ...ofPlugin.map(noSuchPlugin),
]
