import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.type.Money;
import dev.payterms.invoicing.v1.CreateCustomerRequest;
import dev.payterms.invoicing.v1.Customer;
import dev.payterms.invoicing.v1.CustomerServiceGrpc;
import dev.payterms.wallet.v1.Entry;
import dev.payterms.wallet.v1.GrantCreditRequest;
import dev.payterms.wallet.v1.ListEntriesRequest;
import dev.payterms.wallet.v1.LotServiceGrpc;
import dev.payterms.wallet.v1.OpenWalletRequest;
import dev.payterms.wallet.v1.PostDebitRequest;
import dev.payterms.wallet.v1.PostingServiceGrpc;
import dev.payterms.wallet.v1.WalletServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ForwardingClientCall;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** Opens a customer and a wallet, grants, debits, lists, and reads what a refusal says: {@code Story GATEWAY TOKEN}. */
public final class Story {
  private static final Metadata.Key<byte[]> DETAILS =
      Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);

  /** Sends the token with each call. */
  private static final class WithToken implements ClientInterceptor {
    private final String token;

    WithToken(String token) {
      this.token = token;
    }

    @Override
    public <A, B> ClientCall<A, B> interceptCall(MethodDescriptor<A, B> method, CallOptions options, Channel next) {
      CallOptions bounded = options.withDeadlineAfter(30, TimeUnit.SECONDS);
      return new ForwardingClientCall.SimpleForwardingClientCall<A, B>(next.newCall(method, bounded)) {
        @Override
        public void start(Listener<B> listener, Metadata headers) {
          headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + token);
          super.start(listener, headers);
        }
      };
    }
  }

  private static String id() {
    return UUID.randomUUID().toString();
  }

  private static Money usd(long units) {
    return Money.newBuilder().setCurrencyCode("USD").setUnits(units).build();
  }

  /** What a refusal says: its reason with the figure {@code available}, or each field that is wrong. */
  private static String said(StatusRuntimeException refusal) throws InvalidProtocolBufferException {
    String reason = "";
    List<String> wrong = new ArrayList<>();
    for (Any detail : com.google.rpc.Status.parseFrom(refusal.getTrailers().get(DETAILS)).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        ErrorInfo info = detail.unpack(ErrorInfo.class);
        reason = info.getReason() + " " + info.getMetadataOrDefault("available", "");
      } else if (detail.is(BadRequest.class)) {
        for (BadRequest.FieldViolation violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          wrong.add(violation.getField() + " " + violation.getReason());
        }
      }
    }
    Collections.sort(wrong);
    return wrong.isEmpty() ? reason : String.join(", ", wrong);
  }

  private static String refused(PostingServiceGrpc.PostingServiceBlockingStub postings, PostDebitRequest debit)
      throws InvalidProtocolBufferException {
    try {
      postings.postDebit(debit);
      return "nothing";
    } catch (StatusRuntimeException refusal) {
      return said(refusal);
    }
  }

  public static void main(String[] arguments) throws InvalidProtocolBufferException {
    ManagedChannel plain = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
    Channel channel = ClientInterceptors.intercept(plain, new WithToken(arguments[1]));
    Customer ada = Customer.newBuilder().setLegalName("Ada Ltd").setCountry("US").build();
    CreateCustomerRequest create =
        CreateCustomerRequest.newBuilder().setRequestId(id()).setParent("tenants/acme").setCustomer(ada).build();
    String customer = CustomerServiceGrpc.newBlockingStub(channel).createCustomer(create).getCustomer().getName();
    WalletServiceGrpc.WalletServiceBlockingStub wallets = WalletServiceGrpc.newBlockingStub(channel);
    OpenWalletRequest open =
        OpenWalletRequest.newBuilder().setRequestId(id()).setParent(customer).setCurrencyCode("USD").build();
    String wallet = wallets.openWallet(open).getWallet().getName();
    LotServiceGrpc.newBlockingStub(channel)
        .grantCredit(GrantCreditRequest.newBuilder().setRequestId(id()).setWallet(wallet).setAmount(usd(10)).build());
    PostingServiceGrpc.PostingServiceBlockingStub postings = PostingServiceGrpc.newBlockingStub(channel);
    PostDebitRequest debit = PostDebitRequest.newBuilder().setRequestId(id()).setWallet(wallet).setAmount(usd(3)).build();
    postings.postDebit(debit);
    List<String> kinds = new ArrayList<>();
    for (Entry entry : wallets.listEntries(ListEntriesRequest.newBuilder().setParent(wallet).build()).getEntriesList()) {
      kinds.add(entry.getKind().name().replaceFirst("KIND_", "") + " " + entry.getAmount().getUnits());
    }
    Collections.sort(kinds);
    String much = refused(postings, debit.toBuilder().setRequestId(id()).setAmount(usd(100)).build());
    String wrong = refused(postings, PostDebitRequest.getDefaultInstance());
    System.out.printf("entries %s; refused %s; wrong: %s%n", String.join(", ", kinds), much, wrong);
    plain.shutdownNow();
  }
}
