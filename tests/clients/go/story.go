// Story opens a customer and a wallet, grants, debits, lists, and reads what a refusal says.
//
// Usage: story GATEWAY TOKEN
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"sort"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	invoicing "payterms.dev/go/invoicing/v1"
	wallet "payterms.dev/go/wallet/v1"
)

func id() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		log.Fatal(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func usd(units int64) *money.Money {
	return &money.Money{CurrencyCode: "USD", Units: units}
}

func must[T any](answer T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return answer
}

// said is the reason of a refusal with its figure `available`, and each field that is wrong.
func said(err error) (string, string) {
	reason, wrong := "", []string{}
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			reason = detail.Reason + " " + detail.Metadata["available"]
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				wrong = append(wrong, violation.Field+" "+violation.Reason)
			}
		}
	}
	sort.Strings(wrong)
	return strings.TrimSpace(reason), strings.Join(wrong, ", ")
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Args[2])
	channel := must(grpc.DialContext(ctx, os.Args[1], grpc.WithInsecure()))

	customer := &invoicing.Customer{LegalName: "Ada Ltd", Country: "US"}
	customers := invoicing.NewCustomerServiceClient(channel)
	created := must(customers.CreateCustomer(ctx, &invoicing.CreateCustomerRequest{RequestId: id(), Parent: "tenants/acme", Customer: customer}))
	wallets := wallet.NewWalletServiceClient(channel)
	open := &wallet.OpenWalletRequest{RequestId: id(), Parent: created.Customer.Name, CurrencyCode: "USD"}
	name := must(wallets.OpenWallet(ctx, open)).Wallet.Name
	must(wallet.NewLotServiceClient(channel).GrantCredit(ctx, &wallet.GrantCreditRequest{RequestId: id(), Wallet: name, Amount: usd(10)}))
	postings := wallet.NewPostingServiceClient(channel)
	must(postings.PostDebit(ctx, &wallet.PostDebitRequest{RequestId: id(), Wallet: name, Amount: usd(3), Description: "calls"}))
	kinds := []string{}
	for _, entry := range must(wallets.ListEntries(ctx, &wallet.ListEntriesRequest{Parent: name})).Entries {
		kinds = append(kinds, fmt.Sprintf("%s %d", strings.TrimPrefix(entry.Kind.String(), "KIND_"), entry.Amount.Units))
	}
	sort.Strings(kinds)

	_, err := postings.PostDebit(ctx, &wallet.PostDebitRequest{RequestId: id(), Wallet: name, Amount: usd(100)})
	refused, _ := said(err)
	_, err = postings.PostDebit(ctx, &wallet.PostDebitRequest{})
	_, wrong := said(err)
	fmt.Printf("entries %s; refused %s; wrong: %s\n", strings.Join(kinds, ", "), refused, wrong)
}
