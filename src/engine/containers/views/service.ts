import type { ContainerInspect, ContainerSummary, TopResponse } from "../../../api/container.ts"
import type { StatsResponse } from "../../../api/stats.ts"
import type { Scope } from "../../../core/scope.ts"
import type { Container } from "../record/container.ts"
import { publish } from "../record/events.ts"
import type { ListOptions, StatsOptions, Views, ViewsNeeds } from "./contract.ts"
import { inspectContainer } from "./inspect.ts"
import { listContainers } from "./list.ts"
import { containerStats } from "./stats.ts"
import { topContainer } from "./top.ts"

/** Containers as clients see them: each view is made by a file of its own. */
export class ContainerViews implements Views {
  readonly #needs: ViewsNeeds

  constructor(needs: ViewsNeeds) {
    this.#needs = needs
  }

  list(scope: Scope, options: ListOptions): Promise<readonly ContainerSummary[]> {
    return listContainers(this.#needs, scope, options)
  }

  inspect(scope: Scope, container: Container, options: { readonly size: boolean }): Promise<ContainerInspect> {
    return inspectContainer(this.#needs, scope, container, options)
  }

  stats(scope: Scope, container: Container, options: StatsOptions): AsyncIterable<StatsResponse> {
    return containerStats(this.#needs, scope, container, options)
  }

  async top(scope: Scope, container: Container, psArgs: string): Promise<TopResponse> {
    const top = await topContainer(this.#needs, scope, container, psArgs)
    publish(this.#needs, container, "top")
    return top
  }
}
