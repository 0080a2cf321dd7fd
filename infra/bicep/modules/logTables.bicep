// The audit's tables in a workspace, which may be another resource group's.
metadata description = 'Custom tables of the audit'

@description('Name of the workspace, in the resource group that this is deployed to')
param workspaceName string

@description('Table name to columns, as in audit-columns.json')
param columns object

@description('Days for which records are kept for questions')
param retentionDays int

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-07-01' existing = {
  name: workspaceName
}

// One at a time: a workspace refuses two changes of its tables at once.
@batchSize(1)
resource tables 'Microsoft.OperationalInsights/workspaces/tables@2025-07-01' = [
  for table in items(columns): {
    parent: workspace
    name: table.key
    properties: {
      plan: 'Analytics'
      retentionInDays: retentionDays
      schema: {
        name: table.key
        columns: table.value
      }
    }
  }
]

@description('ARM id of the workspace, once its tables are there')
output workspaceId string = workspace.id
