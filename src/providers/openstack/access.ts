/** How to get into one cloud: what a clouds.yaml entry, or the classic keys of a provider, come to. Holds secrets. */

export type ServiceName = 'identity' | 'compute' | 'image' | 'network';

/** `interface` of the catalogue's endpoints. */
export type EndpointInterface = 'public' | 'internal' | 'admin';

export interface CloudAccess {
  /** Where it was found, for messages: `cloud rig in /etc/openstack/clouds.yaml`. */
  readonly source: string;
  /** Address of the identity service, as it was given: with or without a version at its end. */
  readonly authUrl: string;
  readonly auth: AuthMethod;
  /** null: the only one, or the first, of the catalogue. */
  readonly region: string | null;
  readonly interface: EndpointInterface;
  readonly services: Readonly<Record<ServiceName, ServiceAccess>>;
  readonly tls: TlsAccess;
  /** Whether servers may be given floating IPs (`floating_ip_source` is not `None`). */
  readonly usesFloatingIps: boolean;
  /** `private: true`: the pool reaches servers at their private addresses. */
  readonly isPrivate: boolean;
  /** `force_ipv4: true`: IPv6 addresses are not used. */
  readonly forceIpv4: boolean;
  readonly networks: readonly AccessNetwork[];
  /** Format in which the cloud wants images (`image_format`), which `provider-check` looks at; null: not said. */
  readonly imageFormat: string | null;
}

export interface ServiceAccess {
  /** Used instead of what the catalogue says; null: the catalogue. */
  readonly endpoint: string | null;
  /** Name in the catalogue, where several services are of one type; null: any. */
  readonly name: string | null;
  /** Type in the catalogue; null: the usual one. */
  readonly type: string | null;
  /** Where it is not that of the cloud. */
  readonly interface?: EndpointInterface;
}

export interface TlsAccess {
  readonly verify: boolean;
  /** PEM files; null: the system's authorities, no client certificate. */
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

/** An entry of `networks` in clouds.yaml. */
export interface AccessNetwork {
  /** Name or id. */
  readonly name: string;
  /** Its addresses are reached from outside. */
  readonly routesExternally: boolean;
  /** Floating IPs are attached to the port on it. */
  readonly isNatDestination: boolean;
}

/** Names of users, projects and domains may be given by id or name; an id wins. */
export interface NameOrId {
  readonly id: string | null;
  readonly name: string | null;
}

export interface ProjectScope {
  readonly project: NameOrId;
  readonly domain: NameOrId;
}

export type AuthMethod =
  | {
      readonly kind: 'password';
      readonly user: NameOrId;
      readonly userDomain: NameOrId;
      readonly password: string;
      readonly scope: ProjectScope;
    }
  | { readonly kind: 'token'; readonly token: string; readonly scope: ProjectScope }
  | {
      readonly kind: 'application-credential';
      readonly credential: NameOrId;
      /** Needed when the credential is given by name. */
      readonly user: NameOrId;
      readonly userDomain: NameOrId;
      readonly secret: string;
    };
