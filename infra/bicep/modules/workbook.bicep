// What happened, lead times and margins, what was refused and why, money not spent, and who
// is waited for: questions over the audit's tables. The questions are in workbook.json.
metadata description = 'Workbook over the audit'

@description('Azure region')
param location string

@description('Tags of every resource')
param tags object = {}

@description('What every name begins with')
@minLength(3)
@maxLength(20)
param baseName string

@description('ARM id of the Log Analytics workspace that has the tables')
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, baseName, 'workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Nightshift (${baseName})'
    description: 'What Nightshift heard, decided and did'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: loadTextContent('workbook.json')
    version: '1.0'
  }
}

@description('ARM id of the workbook')
output workbookId string = workbook.id
