import type { NetworkConnectRequest, NetworkDisconnectRequest } from "../../../api/network.ts"
import type { Scope } from "../../../core/scope.ts"
import type { NetworkFiles } from "../../../runtime/spec/contract.ts"
import type { Span } from "../../../trace/span.ts"
import type { Container } from "../record/container.ts"
import { attachContainer, detachContainer } from "./attach.ts"
import { connectNetworks } from "./connect.ts"
import type { ContainerNetworks, ContainerNetworksNeeds, JoinedNamespaces } from "./contract.ts"
import { updateLinkedHosts, writeNetworkFiles } from "./files.ts"
import { namespacesOf } from "./namespaces.ts"
import { leaveNetworks, recoverSandbox, renameInNetworks } from "./sandbox.ts"
import { unlinkContainer } from "./unlink.ts"

/** The networks of containers: each call is carried out by a file of its own. */
export class ContainerNetworkService implements ContainerNetworks {
  readonly #needs: ContainerNetworksNeeds

  constructor(needs: ContainerNetworksNeeds) {
    this.#needs = needs
  }

  connect(container: Container, span: Span): Promise<void> {
    return connectNetworks(this.#needs, container, span)
  }

  leave(container: Container): Promise<void> {
    return leaveNetworks(this.#needs, container)
  }

  recover(container: Container): void {
    recoverSandbox(this.#needs, container)
  }

  renamed(container: Container): void {
    renameInNetworks(this.#needs, container)
  }

  attach(scope: Scope, network: string, request: NetworkConnectRequest): Promise<void> {
    return attachContainer(this.#needs, scope, network, request)
  }

  detach(scope: Scope, network: string, request: NetworkDisconnectRequest): Promise<void> {
    return detachContainer(this.#needs, scope, network, request)
  }

  unlink(scope: Scope, path: string): Promise<void> {
    return unlinkContainer(this.#needs, scope, path)
  }

  writeFiles(container: Container): Promise<NetworkFiles> {
    return writeNetworkFiles(this.#needs, container)
  }

  updateLinkedHosts(container: Container): void {
    updateLinkedHosts(this.#needs, container)
  }

  namespaces(container: Container): JoinedNamespaces {
    return namespacesOf(this.#needs, container)
  }
}
