import type { Connection } from '../sdk/contract.ts'
import type { GuardedRequest } from '../sdk/http.ts'
import { apiOrigin, send } from './transport.ts'

type Objects = typeof import('@hubspot/api-client/lib/codegen/crm/objects/index.js')

/** HubSpot's client, as far as it is used: the generated parts for all types of records, for owners, properties and associations, without
 *  the limiter and the retries that its `Client` puts around them. 30 MB: loaded when HubSpot is first asked, not before. */
let loading: ReturnType<typeof load> | null = null
async function load() {
  const [objects, owners, properties, associations] = await Promise.all([
    import('@hubspot/api-client/lib/codegen/crm/objects/index.js'),
    import('@hubspot/api-client/lib/codegen/crm/owners/index.js'),
    import('@hubspot/api-client/lib/codegen/crm/properties/index.js'),
    import('@hubspot/api-client/lib/codegen/crm/associations/v4/index.js'),
  ])
  return { objects, owners, properties, associations }
}

export async function generatedFor(connection: Connection) {
  loading ??= load()
  const { objects, owners, properties, associations } = await loading
  const objectsAt = configured(objects, connection)
  return {
    objects: new objects.BasicApi(objectsAt),
    batches: new objects.BatchApi(objectsAt),
    searches: new objects.SearchApi(objectsAt),
    owners: new owners.OwnersApi(configured(owners, connection)),
    properties: new properties.CoreApi(configured(properties, connection)),
    associations: new associations.BatchApi(configured(associations, connection)),
    operators: objects.FilterOperatorEnum,
    hubspotDefined: objects.AssociationSpecAssociationCategoryEnum.HubspotDefined,
  }
}

/** The generated code builds and reads requests; they go out as all of the connection's do. Its own retries, limiter and agent are
 *  not part of these modules, and so are not there. */
function configured<M extends { createConfiguration(...args: never): unknown }>(
  module: M,
  connection: Connection,
): ReturnType<M['createConfiguration']> {
  // each part carries a copy of the same classes, which TypeScript takes for different ones
  const { createConfiguration, ServerConfiguration, wrapHttpLibrary, ResponseContext } =
    module as unknown as Objects
  return createConfiguration({
    baseServer: new ServerConfiguration(apiOrigin(connection), {}),
    httpApi: wrapHttpLibrary({
      async send(request) {
        const body = request.getBody()
        if (body !== undefined && typeof body !== 'string')
          throw new TypeError('Only JSON is sent to HubSpot')
        const response = await send(connection, {
          url: request.getUrl(),
          method: request.getHttpMethod() as NonNullable<GuardedRequest['method']>,
          ...(body === undefined ? {} : { body }),
        })
        // told as what it is, before the generated code stumbles over half an answer
        if (response.text !== '') response.json()
        return new ResponseContext(response.status, response.headers, {
          text: async () => response.text,
          binary: async () => Buffer.from(response.text),
        })
      },
    }),
  }) as ReturnType<M['createConfiguration']>
}
