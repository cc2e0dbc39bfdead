import { Failure, type Kind } from "../../errors/failure.ts"
import { json } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const refusing = (kind: Kind, message: string) =>
  route({
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

const noSuchPlugin = route({
  run: ({ params }) => {
    throw new Failure("notFound", `plugin ${JSON.stringify(params["name"])} not found`)
  },
})

const methods = "GET|POST|PUT|DELETE"

/** What Docker has and Barge, by decision, has not: answered as a daemon outside a swarm and without plugins does. */
export const swarmRoutes = (): RouteTable => ({
  "POST /swarm/init": noSwarms,
  "POST /swarm/join": noSwarms,
  "POST /swarm/leave": refusing("unavailable", "This node is not part of a swarm"),
  ...Object.fromEntries(
    ["swarm", "nodes", "services", "tasks", "secrets", "configs"].flatMap((resource) => [
      [`${methods} /${resource}`, notManager],
      [`${methods} /${resource}/:rest`, notManager],
    ]),
  ),
  "GET /plugins": route({ run: () => json([]) }),
  "GET /plugins/privileges": noPlugins,
  "POST /plugins/pull": noPlugins,
  "POST /plugins/create": noPlugins,
  "GET /plugins/:name/json": noSuchPlugin,
  "POST /plugins/:name/enable": noSuchPlugin,
  "POST /plugins/:name/disable": noSuchPlugin,
  "POST /plugins/:name/set": noSuchPlugin,
  "POST /plugins/:name/push": noSuchPlugin,
  "POST /plugins/:name/upgrade": noSuchPlugin,
  "DELETE /plugins/:name": noSuchPlugin,
})
