cd "$(mktemp -d)"
GATEWAY=${GATEWAY:-http://127.0.0.1:50051}
id() { python3 -c 'import uuid; print(uuid.uuid4())'; }
call() {
  curl -sS --retry 5 -o answer.json "$GATEWAY/payterms.$2" \
    -H "authorization: Bearer $1" -H 'content-type: application/json' -d @-
  python3 -m json.tool --no-ensure-ascii answer.json
}
take() {
  python3 -c 'import json, sys
value = json.load(open("answer.json"))
for key in sys.argv[1].split("."):
  if key not in value: sys.exit("The last answer has no " + sys.argv[1])
  value = value[key]
print(value)' "$1"
}

# Pay ahead: credit by the saved card, some more as a gift, and its use.
call "$CUSTOMER_ADMIN" wallet.v1.TopUpService/CreateTopUp <<END
{ "requestId": "$(id)", "wallet": "$W",
  "amount": { "currencyCode": "USD", "units": "25" } }
END
call "$STAFF" wallet.v1.LotService/GrantCredit <<END
{ "requestId": "$(id)", "wallet": "$W", "description": "Welcome",
  "amount": { "currencyCode": "USD", "units": "10" } }
END
call "$SERVICE" wallet.v1.PostingService/PostDebit <<END
{ "requestId": "$(id)", "wallet": "$W", "description": "Calls",
  "amount": { "currencyCode": "USD", "units": "3" } }
END
call "$MEMBER" wallet.v1.WalletService/GetBalance <<END
{ "name": "$W" }
END

# Pay now: a part of the open invoice, by the card.
call "$CUSTOMER_ADMIN" invoicing.v1.PaymentService/CreatePayment <<END
{ "requestId": "$(id)", "parent": "$C", "invoices": [{ "invoice": "$INVOICE" }],
  "tenders": [{ "paymentMethod": "",
    "amount": { "currencyCode": "USD", "units": "20" } }] }
END

# Pay in parts: the customer proposes three months for the rest, staff agrees.
call "$CUSTOMER_ADMIN" plans.v1.PlanService/ProposePlan <<END
{ "requestId": "$(id)", "parent": "$C", "invoices": ["$INVOICE"],
  "schedule": { "kind": "KIND_INSTALMENTS", "interval": "INTERVAL_MONTHLY",
    "instalmentCount": 3, "dayOfMonth": 15 } }
END
call "$STAFF" plans.v1.PlanService/ApprovePlan <<END
{ "requestId": "$(id)", "name": "$(take plan.name)",
  "totalSeen": { "currencyCode": "USD", "units": "100" } }
END

# Pay later: apply with a bank account, accept the line, buy on it.
call "$CUSTOMER_ADMIN" credit.v1.ApplicationService/StartApplication <<END
{ "requestId": "$(id)", "parent": "$C", "programme": "$PROGRAMME" }
END
APPLICATION=$(take creditApplication.name)
call "$CUSTOMER_ADMIN" credit.v1.ApplicationService/LinkBankAccount <<END
{ "requestId": "$(id)", "name": "$APPLICATION" }
END
curl -sS -o page.html "$GATEWAY$(take bankLink.url)" -d token=bank_steady
call "$CUSTOMER_ADMIN" credit.v1.ApplicationService/ConfirmBankLink <<END
{ "requestId": "$(id)", "name": "$(take bankLink.name)" }
END
call "$CUSTOMER_ADMIN" credit.v1.ApplicationService/SubmitApplication <<END
{ "requestId": "$(id)", "name": "$APPLICATION" }
END
LINE=$(take creditApplication.creditLine)
call "$CUSTOMER_ADMIN" credit.v1.CreditLineService/ActivateLine <<END
{ "requestId": "$(id)", "name": "$LINE" }
END
call "$SERVICE" credit.v1.DrawService/AuthorizeDraw <<END
{ "requestId": "$(id)", "parent": "$LINE", "description": "Order 7",
  "lines": [{ "description": "Headsets", "quantity": { "value": "4" },
    "unitPrice": { "currencyCode": "USD", "units": "50" } }] }
END
call "$SERVICE" credit.v1.DrawService/CaptureDraw <<END
{ "requestId": "$(id)", "name": "$(take draw.name)" }
END

# Save another card: open the page that this prints in a browser.
call "$CUSTOMER_ADMIN" wallet.v1.PaymentMethodService/StartMethodSetup <<END
{ "requestId": "$(id)", "parent": "$C", "kind": "KIND_CARD" }
END
echo "$GATEWAY$(take methodSetup.hostedUrl)"

# The same over gRPC.
grpcurl -plaintext -H "authorization: Bearer $MEMBER" \
  -d "{ \"name\": \"$W\" }" "${GATEWAY#*://}" \
  payterms.wallet.v1.WalletService/GetBalance
