/**
 * The standard objects of an org, as its describe would list them: `name:type(length)` with `?` for fields that may be empty, `!` for
 * fields that nobody writes, `>` for the objects a reference may name. Fields nothing here asks for are left out.
 * https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_list.htm
 */
export const standardObjects: Record<string, { prefix: string; label: string; fields: string }> = {
  Lead: {
    prefix: '00Q',
    label: 'Lead',
    fields: `
      Id:id! IsDeleted:boolean! MasterRecordId:reference?!>Lead LastName:string(80) FirstName:string(40)?
      Salutation:picklist? Name:string! Title:string(128)? Company:string(255) Street:string? City:string?
      State:string? PostalCode:string? Country:string? Phone:phone(40)? Email:email(80)?
      Website:string(255)? Description:textarea(32000)? LeadSource:picklist? Status:picklist
      Industry:picklist? Rating:picklist? AnnualRevenue:double? NumberOfEmployees:int?
      OwnerId:reference>User,Group IsConverted:boolean! ConvertedDate:date?!
      ConvertedAccountId:reference?!>Account ConvertedContactId:reference?!>Contact
      ConvertedOpportunityId:reference?!>Opportunity IsUnreadByOwner:boolean CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! LastActivityDate:date?! EmailBouncedReason:string?!
      EmailBouncedDate:datetime?!`,
  },
  Contact: {
    prefix: '003',
    label: 'Contact',
    fields: `
      Id:id! IsDeleted:boolean! MasterRecordId:reference?!>Contact AccountId:reference?>Account
      LastName:string(80) FirstName:string(40)? Salutation:picklist? Name:string! MailingStreet:string?
      MailingCity:string? MailingState:string? MailingPostalCode:string? MailingCountry:string?
      Phone:phone(40)? Fax:phone(40)? MobilePhone:phone(40)? HomePhone:phone(40)? OtherPhone:phone(40)?
      AssistantPhone:phone(40)? ReportsToId:reference?>Contact Email:email(80)? Title:string(128)?
      Department:string? AssistantName:string? LeadSource:picklist? Birthdate:date?
      Description:textarea(32000)? OwnerId:reference>User DoNotCall:boolean CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! LastActivityDate:date?! EmailBouncedReason:string?!
      EmailBouncedDate:datetime?! IsEmailBounced:boolean!`,
  },
  Account: {
    prefix: '001',
    label: 'Account',
    fields: `
      Id:id! IsDeleted:boolean! MasterRecordId:reference?!>Account Name:string(255) Type:picklist?
      ParentId:reference?>Account BillingStreet:string? BillingCity:string? BillingState:string?
      BillingPostalCode:string? BillingCountry:string? ShippingStreet:string? ShippingCity:string?
      ShippingState:string? ShippingPostalCode:string? ShippingCountry:string? Phone:phone(40)?
      Fax:phone(40)? Website:string(255)? Industry:picklist? AnnualRevenue:double? NumberOfEmployees:int?
      Description:textarea(32000)? OwnerId:reference>User CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! LastActivityDate:date?! IsCustomerPortal:boolean AccountSource:picklist?`,
  },
  Task: {
    prefix: '00T',
    label: 'Task',
    fields: `
      Id:id! WhoId:reference?>Contact,Lead WhatId:reference?>Account,Opportunity,Campaign,Case
      Subject:string(255)? ActivityDate:date? Status:picklist Priority:picklist IsHighPriority:boolean!
      OwnerId:reference>User,Group Description:textarea(32000)? IsDeleted:boolean!
      AccountId:reference?!>Account IsClosed:boolean! CompletedDateTime:datetime?! CreatedDate:datetime! CreatedById:reference!>User
      LastModifiedDate:datetime! LastModifiedById:reference!>User SystemModstamp:datetime!
      IsArchived:boolean! CallDurationInSeconds:int? CallType:picklist? CallDisposition:string(255)?
      CallObject:string? RecurrenceActivityId:reference?>Task IsRecurrence:boolean TaskSubtype:picklist?`,
  },
  Event: {
    prefix: '00U',
    label: 'Event',
    fields: `
      Id:id! WhoId:reference?>Contact,Lead WhatId:reference?>Account,Opportunity,Campaign,Case
      Subject:string(255)? Location:string(255)? IsAllDayEvent:boolean ActivityDateTime:datetime?
      ActivityDate:date? DurationInMinutes:int? StartDateTime:datetime? EndDateTime:datetime?
      Description:textarea(32000)? AccountId:reference?!>Account OwnerId:reference>User,Calendar
      IsPrivate:boolean ShowAs:picklist? IsDeleted:boolean! IsChild:boolean IsGroupEvent:boolean
      GroupEventType:string? CreatedDate:datetime! CreatedById:reference!>User LastModifiedDate:datetime!
      LastModifiedById:reference!>User SystemModstamp:datetime! IsArchived:boolean!
      RecurrenceActivityId:reference?>Event IsRecurrence:boolean EventSubtype:picklist?`,
  },
  CampaignMember: {
    prefix: '00v',
    label: 'Campaign Member',
    fields: `
      Id:id! IsDeleted:boolean! CampaignId:reference>Campaign LeadId:reference?>Lead
      ContactId:reference?>Contact Status:picklist? HasResponded:boolean! CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! FirstRespondedDate:date?! Salutation:picklist? Name:string?!
      FirstName:string(40)? LastName:string(80)? Title:string(128)? Street:string? City:string?
      State:string? PostalCode:string? Country:string? Email:email(80)? Phone:phone(40)? Fax:phone(40)?
      MobilePhone:phone(40)? Description:textarea(32000)? DoNotCall:boolean LeadSource:picklist?
      CompanyOrAccount:string? Type:picklist? LeadOrContactId:reference?>Lead,Contact
      LeadOrContactOwnerId:reference?>User,Group`,
  },
  Campaign: {
    prefix: '701',
    label: 'Campaign',
    fields: `
      Id:id! IsDeleted:boolean! Name:string(255) ParentId:reference?>Campaign Type:picklist?
      Status:picklist? StartDate:date? EndDate:date? ExpectedRevenue:double?! BudgetedCost:double?
      ActualCost:double? ExpectedResponse:double? NumberSent:int? IsActive:boolean
      Description:textarea(32000)? OwnerId:reference>User CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! LastActivityDate:date?! CampaignMemberRecordTypeId:reference?>RecordType`,
  },
  User: {
    prefix: '005',
    label: 'User',
    fields: `
      Id:id! Username:string LastName:string(80) FirstName:string(40)? Name:string! CompanyName:string?
      Department:string? Title:string(128)? Street:string? City:string? State:string? PostalCode:string?
      Country:string? Email:email(80) Phone:phone(40)? Fax:phone(40)? MobilePhone:phone(40)? Alias:string
      IsActive:boolean TimeZoneSidKey:string UserRoleId:reference?>UserRole ProfileId:reference>Profile
      UserType:string? ManagerId:reference?>User LastLoginDate:datetime? LastPasswordChangeDate:datetime?
      CreatedDate:datetime! CreatedById:reference!>User LastModifiedDate:datetime!
      LastModifiedById:reference!>User SystemModstamp:datetime! ContactId:reference?>Contact
      AccountId:reference?>Account`,
  },
  EmailMessage: {
    prefix: '02s',
    label: 'Email Message',
    fields: `
      Id:id! ParentId:reference?>Case ActivityId:reference?>Task CreatedById:reference!>User
      CreatedDate:datetime! LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! TextBody:textarea(32000)? HtmlBody:textarea(32000)?
      Headers:textarea(32000)? Subject:string(255)? FromName:string? FromAddress:string?
      ValidatedFromAddress:string? ToAddress:string? CcAddress:string? BccAddress:string? Incoming:boolean
      HasAttachment:boolean Status:picklist MessageDate:datetime? IsDeleted:boolean!
      ReplyToEmailMessageId:reference?>EmailMessage IsPrivateDraft:boolean MessageIdentifier:string?
      ThreadIdentifier:string? IsClientManaged:boolean
      RelatedToId:reference?>Account,Opportunity,Campaign,Case`,
  },
  EmailMessageRelation: {
    prefix: '0Er',
    label: 'Email Message Relation',
    fields: `
      Id:id! EmailMessageId:reference>EmailMessage RelationId:reference?>Contact,Lead,User
      RelationType:string RelationAddress:string? RelationObjectType:string? CreatedDate:datetime!
      CreatedById:reference!>User SystemModstamp:datetime! IsDeleted:boolean!`,
  },
  EventRelation: {
    prefix: '0RE',
    label: 'Event Relation',
    fields: `
      Id:id! RelationId:reference>Contact,Lead,User,Account,Opportunity EventId:reference>Event
      Status:picklist? RespondedDate:datetime? Response:string? CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime! IsDeleted:boolean!`,
  },
  TaskRelation: {
    prefix: '0RT',
    label: 'Task Relation',
    fields: `
      Id:id! RelationId:reference>Contact,Lead,Account,Opportunity TaskId:reference>Task IsWhat:boolean
      CreatedDate:datetime! CreatedById:reference!>User LastModifiedDate:datetime!
      LastModifiedById:reference!>User SystemModstamp:datetime! IsDeleted:boolean!`,
  },
  Group: {
    prefix: '00G',
    label: 'Group',
    fields: `
      Id:id! Name:string(40) DeveloperName:string Type:picklist Email:email(80)? CreatedDate:datetime!
      LastModifiedDate:datetime! SystemModstamp:datetime!`,
  },
  Organization: {
    prefix: '00D',
    label: 'Organization',
    fields: `
      Id:id! Name:string(80) IsSandbox:boolean! OrganizationType:string! TrialExpirationDate:datetime?!
      TimeZoneSidKey:string InstanceName:string! CreatedDate:datetime! SystemModstamp:datetime!`,
  },
  TaskStatus: {
    prefix: '01Y',
    label: 'Task Status Value',
    fields: 'Id:id! ApiName:string! MasterLabel:string! IsClosed:boolean! IsDefault:boolean! SortOrder:int!',
  },
  Note: {
    prefix: '002',
    label: 'Note',
    fields: `
      Id:id! IsDeleted:boolean! ParentId:reference>Account,Contact,Lead Title:string(80)
      Body:textarea(32000)? IsPrivate:boolean OwnerId:reference>User CreatedDate:datetime!
      CreatedById:reference!>User LastModifiedDate:datetime! LastModifiedById:reference!>User
      SystemModstamp:datetime!`,
  },
  ContentDocument: {
    prefix: '069',
    label: 'Content Document',
    fields: `
      Id:id! IsDeleted:boolean! Title:string(255) FileType:string?! OwnerId:reference>User
      CreatedDate:datetime! CreatedById:reference!>User LastModifiedDate:datetime!
      LastModifiedById:reference!>User SystemModstamp:datetime!`,
  },
  ContentDocumentLink: {
    prefix: '06A',
    label: 'Content Document Link',
    fields: `
      Id:id! IsDeleted:boolean! LinkedEntityId:reference>Account,Contact,Lead,User
      ContentDocumentId:reference>ContentDocument ShareType:picklist? SystemModstamp:datetime!`,
  },
}

/** Org-defined values, as a new org has them. */
export const picklists: Record<string, string[]> = {
  'Lead.Status': [
    'Open - Not Contacted',
    'Working - Contacted',
    'Closed - Converted',
    'Closed - Not Converted',
  ],
  'Lead.LeadSource': ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Chat', 'Other'],
  'Contact.LeadSource': ['Web', 'Phone Inquiry', 'Partner Referral', 'Purchased List', 'Chat', 'Other'],
  'Account.Type': ['Prospect', 'Customer - Direct', 'Customer - Channel', 'Technology Partner', 'Other'],
  'Task.Status': ['Not Started', 'In Progress', 'Completed', 'Waiting on someone else', 'Deferred'],
  'Task.Priority': ['High', 'Normal', 'Low'],
  'Task.TaskSubtype': ['Task', 'Email', 'ListEmail', 'Call'],
  'Event.ShowAs': ['Busy', 'OutOfOffice', 'Free'],
}

/** Fields that exist once an org has turned person accounts on. */
export const personAccountFields: Record<string, string> = {
  Account: `IsPersonAccount:boolean! PersonContactId:reference?!>Contact FirstName:string(40)? LastName:string(80)?
    PersonEmail:email(80)? PersonTitle:string(128)? PersonMobilePhone:phone(40)?`,
  Contact: 'IsPersonAccount:boolean!',
}
