import type { AuthConfig } from "../../api/image.ts"
import { Failure } from "../../errors/failure.ts"
import type { Images } from "../images/contract.ts"
import { filters, flag, platform, platforms, repeated, text, textOr } from "./query.ts"
import { registryAuth, registryConfig } from "./registry-auth.ts"
import { empty, json, progress, type Reply } from "./reply.ts"
import { type RouteTable, route } from "./route.ts"

const tar = "application/x-tar"
const authOf = (request: { readonly headers: { get(name: string): string | undefined } }): AuthConfig | undefined =>
  registryAuth(request.headers.get("x-registry-auth"))

const blankName = () => new Failure("invalidArgument", "image name cannot be blank")

export const imageRoutes = (i: Images): RouteTable => [
  route("GET /images/json", {
    query: {
      all: flag(),
      filters: filters("dangling", "label", "label!", "before", "since", "reference", "until"),
      "shared-size": flag(),
      filter: text,
      digests: flag(),
      manifests: flag(),
      identity: flag(),
    },
    run: async ({ scope, query }) => json(await i.list(scope, { ...query, sharedSize: query["shared-size"] })),
  }),
  route("GET /images/get", {
    query: { names: repeated, platform: platforms },
    run: async ({ scope, query }): Promise<Reply> => ({
      kind: "bytes",
      contentType: tar,
      chunks: await i.save(scope, query.names, { platforms: query.platform }),
    }),
  }),
  route("GET /images/:name/get", {
    query: { platform: platforms },
    run: async ({ scope, params, query }): Promise<Reply> => ({
      kind: "bytes",
      contentType: tar,
      chunks: await i.save(scope, [params.name], { platforms: query.platform }),
    }),
  }),
  route("GET /images/:name/json", {
    query: { manifests: flag(), platform },
    run: async ({ scope, params, query }) => json(await i.inspect(scope, params.name, query)),
  }),
  route("GET /images/:name/attestations", {
    since: "1.55",
    query: { platform: platforms, type: repeated, statement: flag() },
    run: async ({ scope, params, query }) =>
      json(
        await i.attestations(scope, params.name, {
          platforms: query.platform,
          types: query.type.map((type) => type.trim()).filter((type) => type !== ""),
          statement: query.statement,
        }),
      ),
  }),
  route("GET /images/:name/history", {
    query: { platform },
    run: async ({ scope, params, query }) => json(await i.history(scope, params.name, query)),
  }),
  route("POST /images/load", {
    query: { quiet: flag(true), platform: platforms },
    cancellable: true,
    run: ({ scope, query, request }): Reply => ({
      kind: "progress",
      messages: i.load(scope, request.body, { quiet: query.quiet, platforms: query.platform }),
      headFirst: true,
    }),
  }),
  route("POST /images/create", {
    query: {
      fromImage: text,
      fromSrc: textOr("-"),
      repo: text,
      tag: text,
      message: text,
      changes: repeated,
      platform,
    },
    cancellable: true,
    run: ({ scope, query, request }) => {
      const { fromImage, fromSrc: source, repo: repository, tag, message, changes } = query
      if (fromImage === undefined)
        return progress(
          i.importTree(scope, request.body, { source, repository, tag, message, changes, platform: query.platform }),
        )
      return progress(
        i.pull(scope, { image: fromImage, tag, all: false, platform: query.platform, auth: authOf(request) }),
      )
    },
  }),
  route("POST /images/bootstrap", {
    query: { name: textOr("busybox") },
    cancellable: true,
    run: ({ scope, query }) => progress(i.bootstrap(scope, query.name)),
  }),
  route("POST /images/copy", {
    query: { from: textOr(""), to: textOr(""), platform, referrers: flag() },
    cancellable: true,
    run: ({ scope, query, request }) =>
      progress(i.copy(scope, { ...query, auths: registryConfig(request.headers.get("x-registry-config")) })),
  }),
  route("POST /images/prune", {
    query: { filters: filters("dangling", "label", "label!", "until") },
    run: async ({ scope, query }) => json(await i.prune(scope, query.filters)),
  }),
  route("POST /images/:name/push", {
    query: { tag: text, platform },
    cancellable: true,
    run: ({ scope, params, query, request }) =>
      progress(i.push(scope, { image: params.name, ...query, auth: authOf(request) })),
  }),
  route("POST /images/:name/tag", {
    query: { repo: textOr(""), tag: text },
    run: async ({ scope, params, query }) => {
      await i.tag(scope, params.name, { repository: query.repo, tag: query.tag })
      return empty(201)
    },
  }),
  route("DELETE /images/", {
    run: () => {
      throw blankName()
    },
  }),
  route("DELETE /images/:name", {
    query: { force: flag(), noprune: flag(), platforms },
    run: async ({ scope, params, query }) => {
      const name = params.name
      if (name.trim() === "") throw blankName()
      const { force, noprune: noPrune, platforms } = query
      return json(await i.remove(scope, name, { force, noPrune, platforms }))
    },
  }),
]
