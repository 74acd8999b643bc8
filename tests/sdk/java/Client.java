// The real Java SDK as a server uses it: Client WRITE_KEY HOST, ids on stdout.

import com.segment.analytics.Analytics;
import com.segment.analytics.Callback;
import com.segment.analytics.messages.*;
import java.io.FileInputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.Dns;
import okhttp3.OkHttpClient;

public class Client {
  static final List<String> ids = new ArrayList<>();

  static String id() {
    ids.add("java-" + ProcessHandle.current().pid() + "-" + ids.size());
    return ids.get(ids.size() - 1);
  }

  // Names under .test are mapped to loopback here, since no resolver on the machine knows them.
  static OkHttpClient trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (FileInputStream pem = new FileInputStream(file)) {
      var certificate = CertificateFactory.getInstance("X.509").generateCertificate(pem);
      store.setCertificateEntry("ca", certificate);
    }
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    var manager = (X509TrustManager) factory.getTrustManagers()[0];
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new X509TrustManager[] {manager}, null);
    Dns dns =
        host ->
            host.endsWith(".test")
                ? List.of(InetAddress.getByName("127.0.0.1"))
                : Dns.SYSTEM.lookup(host);
    return new OkHttpClient.Builder()
        .sslSocketFactory(context.getSocketFactory(), manager)
        .dns(dns)
        .build();
  }

  public static void main(String[] given) throws Exception {
    CountDownLatch done = new CountDownLatch(6);
    Callback callback =
        new Callback() {
          public void success(Message message) {
            done.countDown();
          }

          public void failure(Message message, Throwable why) {
            System.err.println(why);
            System.exit(1);
          }
        };
    Analytics analytics =
        Analytics.builder(given[0])
            .endpoint(given[1])
            .client(trusting(System.getenv("SSL_CERT_FILE")))
            .callback(callback)
            .build();
    analytics.enqueue(IdentifyMessage.builder().messageId(id()).userId("u1"));
    analytics.enqueue(TrackMessage.builder("Order Completed").messageId(id()).userId("u1"));
    analytics.enqueue(PageMessage.builder("Home").messageId(id()).userId("u1"));
    analytics.enqueue(ScreenMessage.builder("Start").messageId(id()).userId("u1"));
    analytics.enqueue(GroupMessage.builder("g1").messageId(id()).userId("u1"));
    analytics.enqueue(AliasMessage.builder("u0").messageId(id()).userId("u1"));
    analytics.flush();
    if (!done.await(60, TimeUnit.SECONDS)) System.exit(2);
    System.out.println("[\"" + String.join("\",\"", ids) + "\"]");
    System.exit(0);
  }
}
